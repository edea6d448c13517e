import {
  type EphemeralSource,
  type Guard,
  type SharedField,
  type SharedTopic,
  type StartingPoint,
  shareExecution,
} from '../../src/live/execute/shared-field.ts'
import { createCursorFormat, parseCursor } from '../../src/log/cursor.ts'
import type { LogEvent } from '../../src/log/event.ts'
import type { Followed } from '../../src/log/follow.ts'
import { noteSubscription } from './audit-subscription.ts'
import type { Context } from './context.ts'
import { guardWithPresence } from './presence.ts'
import type { EventPlace } from './topic-event.ts'

/**
 * A topic exposed as a subscription: `S` is the state in its snapshots, `E` the source of the
 * field's type.
 */
export interface ToldTopic<S, E> {
  readonly topic: string
  /** See `SharedTopic`. */
  readonly snapshot: SharedTopic<S>['snapshot']
  /** Whether an event is terminal. By default none is: such a topic never ends. */
  readonly isLast?: SharedTopic<S>['isLast']
  /** The compaction of events for a slow subscriber; `keep` by default. */
  readonly classOf?: SharedTopic<S>['classOf']
  /** Joins two consecutive `append` events; never by default. */
  readonly join?: SharedTopic<S>['join']
  /**
   * Converts a followed event to the source of the field's type, which must not depend on the
   * viewer.
   */
  readonly read: (followed: Followed<S>, place: EventPlace) => E
  /** Required where permission to see the topic can be revoked. */
  readonly guard?: Guard | undefined
  /** Whether subscribers count as present; false by default. */
  readonly isPresenceKept?: boolean
  /**
   * Events outside the log. They are inserted between events with the seq of the event before them,
   * so their type must be in `ephemeralEvents` of `src/protocol.ts`.
   */
  readonly ephemeral?: Omit<EphemeralSource<S>, 'toValue'> & {
    readonly toEvent: (report: unknown, place: EventPlace) => E
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
 */
export function subscribeToTopic<A extends object, S, E>(
  open: (args: A, context: Context) => Promise<ToldTopic<S, E>>,
): {
  readonly extensions: { readonly live: unknown }
  subscribe(parent: unknown, args: A & StartingArguments, context: Context): AsyncIterableIterator<E>
  resolve(event: E): E
} {
  const shared: SharedField<Context, S> = {
    startingArguments: ['after', 'fromStart'],
    startOf: (args, topic) => startOf(args as StartingArguments, topic),
    open: async (args, context) => {
      const { read, ephemeral, ...told } = await noteSubscription(context, () => open(args as A, context))
      const placeOf = createEventPlaces(context, told.topic)
      return {
        isLast: () => false,
        classOf: () => 'keep',
        join: () => null,
        ...told,
        guard: guardOf(told, context),
        ephemeral: ephemeral && {
          ...ephemeral,
          toValue: (report, seq) => ephemeral.toEvent(report, placeOf({ seq })),
        },
        read: (followed) => read(followed, placeOf(followed)),
      }
    },
  }
  return {
    ...shareExecution(shared),
    subscribe() {
      throw new Error('Subscriptions to topics are executed by `createLive` of src/live/live.ts')
    },
    resolve: (event) => event,
  }
}

/**
 * Creates the function that computes the cursor, seq and time of a followed event: an event outside
 * the log has the seq of the event before it, and the current time.
 */
function createEventPlaces(
  { engine }: Context,
  topic: string,
): (told: { readonly event: LogEvent } | { readonly seq: number }) => EventPlace {
  const cursorOf = createCursorFormat(engine.reader, topic)
  return (told) => {
    const { seq, at } = 'event' in told ? told.event : { seq: told.seq, at: new Date().toISOString() }
    return { cursor: cursorOf(seq), seq, at }
  }
}

/**
 * Ends the subscription when access to the topic is revoked; while it lasts, the viewer is present,
 * if the topic keeps presence.
 */
function guardOf(
  { topic, guard, isPresenceKept = false }: Pick<ToldTopic<never, never>, 'topic' | 'guard' | 'isPresenceKept'>,
  context: Context,
): Guard | undefined {
  return isPresenceKept ? guardWithPresence(context, topic, guard) : guard
}

function startOf({ after, fromStart }: StartingArguments, topic: string): StartingPoint {
  const position = after === null || after === undefined ? undefined : parseCursor(after, topic)
  return { after: position, fromStart: fromStart ?? false }
}
