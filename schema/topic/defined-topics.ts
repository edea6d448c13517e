import type { ObjectRef } from '@pothos/core'
import type { ClientBase } from 'pg'
import type { z } from 'zod'
import type { JsonObject } from '../../src/db/tables.ts'
import { createTopic } from '../../src/log/topic.ts'
import type { Viewer } from '../../src/tasks/model/viewer.ts'
import { toPascalCase } from '../definition/names.ts'
import { type ObjectShape, readShape } from '../definition/shape.ts'
import { createPothosTypes } from '../definition/to-pothos.ts'
import { requireViewer, type Types } from '../kit/builder.ts'
import type { Context } from '../kit/context.ts'
import { refuseAsMissing } from '../kit/failure.ts'
import type { Kit } from '../kit/kit.ts'
import { type EventPosition, type LoggedEvent, promised, readLogged } from '../kit/topic-event.ts'
import { subscribeToTopic } from '../kit/topic-subscription.ts'

/** A kind of topic with GraphQL types that follow from its zod schemas. */
export interface DefinedTopic {
  readonly name: string
  readonly description?: string | undefined
  readonly state?: z.ZodType | undefined
  readonly events: Readonly<Record<string, z.ZodType>>
  readonly ephemeral?: Readonly<Record<string, z.ZodType>> | undefined
  /** The events of which a newer one replaces an older one, for a slow subscriber. */
  readonly latest?: readonly string[] | undefined
  /** The events after which nothing follows. */
  readonly last?: readonly string[] | undefined
  readonly authorize: (viewer: Viewer, id: string) => boolean | Promise<boolean>
  /**
   * Reads the state of a topic.
   *
   * @param client - is in a transaction whose snapshot of the database has exactly the events up to the position of the state
   * @returns null when there is no such object
   */
  readonly read?: ((id: string, client: Pick<ClientBase, 'query'>) => Promise<unknown>) | undefined
}

/** Returns the topic of an object: `order:42`. */
export function topicOf({ name }: Pick<DefinedTopic, 'name'>, id: string): string {
  return `${name}:${id}`
}

/** Returns the type of an event in GraphQL, and in the log: `OrderStatusChanged` for `statusChanged` of `order`. */
export function eventType({ name }: Pick<DefinedTopic, 'name'>, event: string): string {
  return `${toPascalCase(name)}${toPascalCase(event)}`
}

/** The extension of the subscription fields of defined topics: the name of the topic. */
export const definedTopic = 'definedTopic'

/** The channel of the bus for the ephemeral events of a topic. */
export function ephemeralChannel(topic: string): string {
  return `ephemeral:${topic}`
}

/** An ephemeral event as it is sent to the servers. */
export interface EphemeralEvent {
  readonly type: string
  readonly payload: JsonObject
}

type EventSource = LoggedEvent<JsonObject>

/** The fields of the interface of all events. */
const ownFields: ReadonlySet<string> = new Set(['cursor', 'seq', 'at'])

/**
 * Adds kinds of topics to a schema. Of the topic `order` with the event `statusChanged` follow the subscription `orderUpdates(id)`, the
 * interface `OrderEvent`, and its types `OrderSnapshot`, with the `OrderState`, and `OrderStatusChanged`.
 *
 * @throws UnsupportedSchemaError, NameCollisionError or TypeError, with the topic and the field, when the topics do not fit GraphQL or
 * each other
 */
export function addDefinedTopics(kit: Kit, definitions: readonly DefinedTopic[]): void {
  const names = new Set<string>()
  for (const definition of definitions) {
    if (names.has(definition.name))
      throw new TypeError(`The topic ${definition.name} exists already: give one of the two definitions another name`)
    names.add(definition.name)
    addTopic(kit, definition)
  }
}

function addTopic({ builder, defineTopicEvents }: Kit, definition: DefinedTopic): void {
  const { name, events, ephemeral = {}, latest = [], last = [] } = definition
  const prefix = toPascalCase(name)
  const types = createPothosTypes(builder)
  const unknown = `${prefix}Other`
  const { event, eventRef, snapshotRef } = defineTopicEvents<EventSource>(`${prefix}Event`, {
    description: `An event of ${name}. New event types may be added: select \`__typename\` and keep a default branch.`,
    seq: `1, 2, 3 … without gaps; ${prefix}Snapshot and ephemeral events repeat the last number.`,
    unknown,
  })
  const interfaces = [event]
  const shapeOf = (schema: z.ZodType, type: string): ObjectShape | null =>
    readShape(schema, { name: type, prefix: type, io: 'output', subject: `${type} of the topic ${name}` })

  const state = definition.state === undefined ? null : shapeOf(definition.state, `${prefix}State`)
  const stateRef = state === null ? undefined : (types.output(state) as ObjectRef<Types, JsonObject>)
  snapshotRef(`${prefix}Snapshot`).implement({
    description: 'The state at `cursor`. Replaces everything received before.',
    interfaces,
    fields: (t) =>
      stateRef === undefined
        ? {}
        : {
            state: t.field({
              type: stateRef,
              description: state?.description ?? 'The state.',
              resolve: (source) => promised(source.snapshot, source),
            }),
          },
  })
  for (const [key, schema] of Object.entries({ ...events, ...ephemeral })) {
    const type = eventType(definition, key)
    const shape = shapeOf(schema, type)
    const [taken] = shape?.fields.filter((field) => ownFields.has(field.name)) ?? []
    if (taken !== undefined)
      throw new TypeError(`The event ${key} of ${name} has a field "${taken.name}", which every event has: rename it`)
    eventRef(type).implement({
      description: shape?.description ?? schema.description ?? `The event ${key}.`,
      interfaces,
      fields: (t) => (shape === null ? {} : types.outputFields(t, shape, ({ payload }: EventSource) => payload)),
    })
  }
  eventRef(unknown).implement({
    description: 'An event of a type that this version does not have.',
    interfaces,
    fields: (t) => ({ type: t.string({ description: 'The event’s type.', resolve: ({ type }) => type }) }),
  })

  const typesOf = (keys: readonly string[]): ReadonlySet<string> =>
    new Set(keys.map((key) => eventType(definition, key)))
  const lastTypes = typesOf(last)
  const latestTypes = typesOf(latest)
  const hasEphemeral = Object.keys(ephemeral).length > 0
  const subscription = subscribeToTopic<{ readonly id: string | number }, JsonObject, EventSource>(
    async ({ id: given }, context) => {
      const id = String(given)
      if (!(await definition.authorize(requireViewer(context), id))) refuseAsMissing(name, id)
      const topic = topicOf(definition, id)
      const snapshot = () => readSnapshot(context.engine.database, definition, id)
      return {
        topic,
        // No event of the object was published yet.
        create: async () => {
          if ((await snapshot()) !== null) await createTopic(context.engine.database.pool, topic)
        },
        snapshot,
        isLast: ({ type }) => lastTypes.has(type),
        classOf: (type) => (latestTypes.has(type) ? 'latest' : 'keep'),
        read: (update, position) => readLogged(update, position, `${prefix}Snapshot`),
        ...(hasEphemeral ? { ephemeral: watchEphemeral(context, topic) } : {}),
      }
    },
  )
  builder.subscriptionField(`${name}Updates`, (t) =>
    t.field({
      type: event,
      description: `${definition.description ?? `All events of ${name}, in order, each exactly once.`}

Without \`after\`: a snapshot first, then later events. With \`after\`: exactly the events after that cursor.
\`fromStart: true\` replays the stored history first; it has no effect beside \`after\`.`,
      args: {
        id: t.arg.id({ required: true, description: `The id of the ${name}.` }),
        after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event.' }),
        fromStart: t.arg.boolean({ defaultValue: false, description: 'Replays the stored history first.' }),
      },
      ...subscription,
      extensions: { ...subscription.extensions, [definedTopic]: name },
    }),
  )
}

/** Reads the state of a topic and its position at one moment. @returns null when there is no such object */
async function readSnapshot(
  { pool }: Context['engine']['database'],
  definition: DefinedTopic,
  id: string,
): Promise<{ readonly seq: number; readonly state: JsonObject } | null> {
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    await client.query('begin isolation level repeatable read, read only')
    const { rows } = await client.query<{ seq: number }>('select seq from tidings.topic where name = $1', [
      topicOf(definition, id),
    ])
    const seq = rows[0]?.seq
    const state = definition.read === undefined ? {} : await definition.read(id, client)
    await client.query('commit')
    if (state === null || (seq === undefined && definition.read === undefined)) return null
    return { seq: seq ?? 0, state: checkState(definition, state) }
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
    throw error
  } finally {
    // After a failure it may still be in the transaction: such a connection is closed.
    client.release(failure)
  }
}

/** @throws TypeError when the state that the team reads does not fit: a defect, which is logged and masked */
function checkState({ name, state: schema }: DefinedTopic, state: unknown): JsonObject {
  if (schema === undefined) return {}
  const parsed = schema.safeParse(state)
  if (!parsed.success) throw new TypeError(`The state of ${name} does not fit its schema: ${parsed.error.message}`)
  return parsed.data as JsonObject
}

/** Ephemeral events come from the bus, so that those of every process reach the subscribers of all. */
function watchEphemeral({ engine }: Context, topic: string) {
  return {
    isWanted: true,
    isWantedAfter: () => true,
    watch: (listener: (event: unknown) => void) => {
      const subscription = engine.bus.subscribe(ephemeralChannel(topic), listener)
      return () => void subscription.close()
    },
    read: () => Promise.resolve(undefined),
    toEvent: (event: unknown, position: EventPosition): EventSource => ({ ...position, ...(event as EphemeralEvent) }),
  }
}
