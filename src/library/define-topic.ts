import type { ClientBase } from 'pg'
import { z } from 'zod'
import { ephemeralChannel, eventType, topicOf } from '../../schema/topic/defined-topics.ts'
import type { JsonObject } from '../db/tables.ts'
import { TidingsError } from '../errors.ts'
import type { Viewer } from '../tasks/model/viewer.ts'
import type { HandlerServices } from './define-task.ts'

/** The zod objects of the events of a topic, by name. */
export type EventSchemas = Readonly<Record<string, z.ZodObject>>

/** Reads the state of a topic. */
export interface StateReading {
  /**
   * A connection in a transaction. What it reads belongs exactly to the position of the snapshot, when the state is changed in the same
   * transaction as its event is published, or before it.
   */
  readonly client: Pick<ClientBase, 'query'>
  /** The value of `createTidings({ context })`. */
  readonly context: HandlerServices
}

/** A kind of topic of any state and events. */
export interface AnyTopicKind {
  /** In camel case, such as `order`: the subscription is `orderUpdates(id)`, its types begin with `Order`. */
  readonly name: string
  /** The description of the subscription in GraphQL. Default: one that names the topic. */
  readonly description?: string
  /** The state of an object: `OrderState` in GraphQL, in the field `state` of `OrderSnapshot`. Needs `read`. Default none. */
  readonly state?: z.ZodObject | undefined
  /** The events: `statusChanged` is `OrderStatusChanged` in GraphQL. */
  readonly events: EventSchemas
  /** Events outside the log, such as a cursor on a page: only subscribers that are connected at the time receive them. Default none. */
  readonly ephemeral?: EventSchemas
  /** Events of which a newer one replaces an older one of the same type, for a subscriber that reads too slowly. Default none. */
  readonly latest?: readonly string[]
  /** Events after which nothing follows: the subscription completes. Default none. */
  readonly last?: readonly string[]
  /** Whether a viewer may follow the topic of an object; otherwise it does not exist for that viewer. */
  authorize(viewer: Viewer, id: string): boolean | Promise<boolean>
  /**
   * Reads the state of an object for a snapshot; null when there is no such object. Without it, a topic exists from its first event on,
   * and a snapshot has a position only.
   */
  read?(id: string, reading: StateReading): Promise<Readonly<Record<string, unknown>> | null>
}

/**
 * A kind of topic: a feed of events about an object that is no task, with the same delivery as the events of a task.
 *
 * @typeParam S - the zod object of the state in snapshots; undefined for a feed without one
 * @typeParam E - the zod objects of the events by name
 * @typeParam P - the zod objects of the ephemeral events by name
 */
export interface TopicKind<S extends z.ZodObject | undefined, E extends EventSchemas, P extends EventSchemas>
  extends AnyTopicKind {
  readonly state?: S
  readonly events: E
  readonly ephemeral?: P
  readonly latest?: readonly (keyof E & string)[]
  readonly last?: readonly (keyof E & string)[]
  read?(
    id: string,
    reading: StateReading,
  ): Promise<(S extends z.ZodObject ? z.input<S> : Readonly<Record<string, never>>) | null>
}

/** The events to publish, by name, with their values. */
export type EventsOf<E extends EventSchemas> = { readonly [K in keyof E]?: z.input<E[K]> }

const camelCase = /^[a-z][A-Za-z0-9]*$/

/**
 * Defines a kind of topic.
 *
 * @throws TypeError when the name of the topic or of an event is not in camel case, or `state` is given without `read`
 * @example
 * export const order = defineTopic({
 *   name: 'order',
 *   state: z.object({ status: z.enum(['open', 'shipped']) }),
 *   events: { statusChanged: z.object({ status: z.enum(['open', 'shipped']) }), closed: z.object({}) },
 *   latest: ['statusChanged'],
 *   last: ['closed'],
 *   authorize: (viewer, id) => ownsOrder(viewer.userId, id),
 *   read: async (id, { client }) => (await client.query('select status from orders where id = $1', [id])).rows[0] ?? null,
 * })
 */
export function defineTopic<
  S extends z.ZodObject | undefined = undefined,
  const E extends EventSchemas = EventSchemas,
  // biome-ignore lint/complexity/noBannedTypes: a topic without ephemeral events has none of any name.
  const P extends EventSchemas = {},
>(definition: TopicKind<S, E, P>): TopicKind<S, E, P> {
  const { name, events, ephemeral = {}, state, read } = definition
  if (!camelCase.test(name))
    throw new TypeError(`The topic ${JSON.stringify(name)} cannot be used: write it in camel case, such as order`)
  for (const event of [...Object.keys(events), ...Object.keys(ephemeral)])
    if (!camelCase.test(event))
      throw new TypeError(
        `The event ${JSON.stringify(event)} of ${name} cannot be used: write it in camel case, such as statusChanged`,
      )
  const [twice] = Object.keys(ephemeral).filter((event) => event in events)
  if (twice !== undefined) throw new TypeError(`The event ${twice} of ${name} is in events and in ephemeral`)
  if (state !== undefined && read === undefined)
    throw new TypeError(`The topic ${name} has a state, and no function read that reads it`)
  return definition
}

/**
 * Checks events before they are published.
 *
 * @param schemas - those of the topic's events, or of its ephemeral events
 * @returns their types in the log with their payloads, in the order of the properties
 * @throws TidingsError `BAD_INPUT` with `issues` for a value that does not fit, for an unknown event, and for no event
 */
export function toLogged(
  topic: Pick<AnyTopicKind, 'name'>,
  schemas: EventSchemas,
  events: Readonly<Record<string, unknown>>,
): readonly { readonly type: string; readonly payload: JsonObject }[] {
  const entries = Object.entries(events).filter(([, value]) => value !== undefined)
  if (entries.length === 0) throw new TidingsError('BAD_INPUT', `There is no event to publish to ${topic.name}`)
  return entries.map(([event, value]) => {
    const schema = schemas[event]
    if (schema === undefined)
      throw new TidingsError(
        'BAD_INPUT',
        `The topic ${topic.name} has no event ${JSON.stringify(event)}; it has ${Object.keys(schemas).join(', ')}`,
      )
    const parsed = schema.safeParse(value)
    if (!parsed.success)
      throw new TidingsError(
        'BAD_INPUT',
        `The event ${event} of ${topic.name} does not fit:\n${z.prettifyError(parsed.error)}`,
        { issues: parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })) },
      )
    return { type: eventType(topic, event), payload: parsed.data as JsonObject }
  })
}

/**
 * Whether events end their topic.
 * @throws TidingsError `BAD_INPUT` when others follow the one that ends it
 */
export function endsTopic(
  topic: { readonly name: string; readonly last?: readonly string[] | undefined },
  events: readonly { readonly type: string }[],
): boolean {
  const lastTypes = (topic.last ?? []).map((event) => eventType(topic, event))
  const index = events.findIndex(({ type }) => lastTypes.includes(type))
  if (index === -1) return false
  if (index < events.length - 1)
    throw new TidingsError(
      'BAD_INPUT',
      `${events[index]?.type} ends the topic ${topic.name}: publish it after the others`,
    )
  return true
}

export { ephemeralChannel, topicOf }
