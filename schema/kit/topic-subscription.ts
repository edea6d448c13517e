import { isTidingsError } from '../../src/errors.ts'
import {
  declareTopicField,
  type EphemeralSource,
  type Guard,
  type OpenedTopic,
  type Opening,
  type SelectingOperation,
  type StartingPoint,
  type TopicField,
} from '../../src/live/execute/topic-field.ts'
import { createCursorFormat, parseCursor } from '../../src/log/cursor.ts'
import type { LogEvent } from '../../src/log/event.ts'
import type { TopicUpdate } from '../../src/log/follow.ts'
import { requireLimitedViewer } from './builder.ts'
import type { Context } from './context.ts'
import type { EventPosition } from './topic-event.ts'

/**
 * A topic exposed as a subscription: `S` is the state in its snapshots, `E` the source of the
 * field's type.
 */
export interface TopicDefinition<S, E> {
  readonly topic: string
  /** Creates the topic; called when it does not exist. By default the topic exists with its object. */
  readonly create?: () => Promise<void>
  /** See `OpenedTopic`. */
  readonly snapshot: OpenedTopic<S>['snapshot']
  /** Whether an event is terminal. By default none is: such a topic never ends. */
  readonly isLast?: OpenedTopic<S>['isLast']
  /** The compaction of events for a slow subscriber; `keep` by default. */
  readonly classOf?: OpenedTopic<S>['classOf']
  /** Joins two consecutive `append` events; never by default. */
  readonly join?: OpenedTopic<S>['join']
  /**
   * Converts an update of a topic to the source of the field's type, which must not depend on the
   * viewer.
   */
  readonly read: (update: TopicUpdate<S>, position: EventPosition) => E
  /** Required where permission to see the topic can be revoked. */
  readonly guard?: Guard | undefined
  /** The state, if it was read to authorize the viewer. See `Opening`. */
  readonly firstSnapshot?: Opening<S>['firstSnapshot']
  /** Whether subscribers count as present; false by default. */
  readonly isPresenceKept?: boolean
  /** Events outside the log, inserted between events with the seq of the event before them. */
  readonly ephemeral?: Omit<EphemeralSource<S>, 'toValue'> & {
    readonly toEvent: (event: unknown, position: EventPosition) => E
  }
}

/** The arguments of every subscription that select the position to follow from. */
export interface StartingArguments {
  readonly after?: string | null | undefined
  readonly fromStart?: boolean | null | undefined
}

/**
 * Turns a field into a subscription to a topic, by spreading into its options. The arguments `after`
 * and `fromStart`, if present, have the same meaning in all subscriptions.
 *
 * @param open - finds the topic on behalf of the viewer in the context; throws a `TidingsError`
 * when the viewer may not see it
 *
 * @example
 * builder.subscriptionField('articleUpdates', (t) =>
 *   t.field({
 *     type: articleEvent,
 *     args: { articleId: t.arg.id({ required: true }), after: t.arg({ type: 'Cursor' }) },
 *     ...subscribeToTopic(async ({ articleId }: { readonly articleId: string }, context) => ({
 *       topic: `article:${articleId}`,
 *       snapshot: () => context.articles.snapshot(articleId),
 *       read: (update, position) => readLogged(update, position, 'ArticleSnapshot'),
 *     })),
 *   }),
 * )
 */
export function subscribeToTopic<A extends object, S, E>(
  open: (args: A, context: Context, operation: SelectingOperation) => Promise<TopicDefinition<S, E>>,
): {
  readonly extensions: { readonly live: unknown }
  subscribe(parent: unknown, args: A & StartingArguments, context: Context): AsyncIterableIterator<E>
  resolve(event: E): E
} {
  const field: TopicField<Context, S> = {
    startingArguments: ['after', 'fromStart'],
    startOf: (args, topic) => startOf(args as StartingArguments, topic),
    open: async (args, context, operation) => {
      const definition = await noteSubscription(context, async () => {
        const opened = await open(args as A, context, operation)
        await createWhenMissing(opened, context)
        return opened
      })
      return openTopic(definition, context)
    },
  }
  return {
    ...declareTopicField(field),
    subscribe() {
      throw new Error('Subscriptions to topics are executed by `createLive` of src/live/live.ts')
    },
    resolve: (event) => event,
  }
}

/** The heads of many topics are read together: those who subscribe to existing ones at once share a statement. */
async function createWhenMissing(
  { topic, create }: Pick<TopicDefinition<never, never>, 'topic' | 'create'>,
  { engine }: Context,
): Promise<void> {
  if (create !== undefined && (await engine.reader.head(topic)) === null) await create()
}

const endsNever: OpenedTopic<never>['isLast'] = () => false
const keepAll: OpenedTopic<never>['classOf'] = () => 'keep'
const joinNone: OpenedTopic<never>['join'] = () => null

/**
 * Completes the definition of a topic. A function of its own: its closures live as long as the topic, and would otherwise keep the
 * context of the first subscriber's request.
 */
function openTopic<S, E>(definition: TopicDefinition<S, E>, context: Context): Opening<S> {
  const { topic, snapshot, isLast = endsNever, classOf = keepAll, join = joinNone, read, ephemeral } = definition
  const positionOf = createEventPositions(context, topic)
  const opened: OpenedTopic<S> = {
    topic,
    snapshot,
    isLast,
    classOf,
    join,
    ephemeral: ephemeral && {
      ...ephemeral,
      toValue: (event, seq) => ephemeral.toEvent(event, positionOf({ seq })),
    },
    read: (update) => read(update, positionOf(update)),
  }
  return { topic: opened, guard: guardOf(definition, context), firstSnapshot: definition.firstSnapshot }
}

/**
 * Creates the function that computes the cursor, seq and time of a followed event: an event outside
 * the log has the seq of the event before it, and the current time.
 */
function createEventPositions(
  { engine }: Context,
  topic: string,
): (item: { readonly event: LogEvent } | { readonly seq: number }) => EventPosition {
  const cursorOf = createCursorFormat(engine.reader, topic)
  return (item) => {
    const { seq, at } = 'event' in item ? item.event : { seq: item.seq, at: new Date().toISOString() }
    return { cursor: cursorOf(seq), seq, at }
  }
}

/**
 * Ends the subscription when access to the topic is revoked; while it lasts, the viewer is present,
 * if the topic keeps presence.
 */
function guardOf(
  { topic, guard, isPresenceKept = false }: Pick<TopicDefinition<never, never>, 'topic' | 'guard' | 'isPresenceKept'>,
  context: Context,
): Guard | undefined {
  return isPresenceKept ? guardWithPresence(context, topic, guard) : guard
}

function startOf({ after, fromStart }: StartingArguments, topic: string): StartingPoint {
  const position = after === null || after === undefined ? undefined : parseCursor(after, topic)
  return { after: position, fromStart: fromStart ?? false }
}

/**
 * Writes to the audit log that the viewer subscribes to the topic that `open` finds, or why the
 * subscription was refused.
 */
async function noteSubscription<T extends { readonly topic: string }>(
  context: Context,
  open: () => Promise<T>,
): Promise<T> {
  try {
    const opened = await open()
    context.note('SUBSCRIBED', { subject: opened.topic })
    return opened
  } catch (error) {
    if (isTidingsError(error, 'NOT_FOUND', 'FORBIDDEN', 'UNAUTHENTICATED'))
      context.note('REFUSED', { subject: 'subscription', reason: error.code.toLowerCase(), detail: error.message })
    throw error
  }
}

/**
 * Longer than the pause between two requests of a polling client (`maxPollMs`, 5 s), plus the delay
 * of a slow connection.
 */
const pollLingerMs = 8_000

/**
 * Creates a guard that keeps the viewer present at a topic: like all guards it starts and ends with
 * the subscription, however that ends. A polling client stays present from one request to the next.
 *
 * @param guard - another guard that may end the subscription
 */
export function guardWithPresence(context: Context, topic: string, guard?: Guard): Guard {
  const { userId } = requireLimitedViewer(context)
  // The guard lives as long as the subscription, so it must not retain the context of the request.
  const { catchUp, engine } = context
  const { presence } = engine
  const lingerMs = catchUp ? pollLingerMs : 0
  return (revoke) => {
    const leave = presence.enter(topic, userId)
    if (guard === undefined && lingerMs === 0) return leave
    const stop = guard?.(revoke)
    return () => {
      stop?.()
      leave(lingerMs)
    }
  }
}
