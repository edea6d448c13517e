import type { Guard, SharedTopic, StartingPoint } from '../src/live/field.ts'
import { type SharedField, shareExecution } from '../src/live/field.ts'
import { createCursorFormat } from '../src/log/cursor.ts'
import type { LogEvent } from '../src/log/event.ts'
import { type Followed, follow } from '../src/log/follow.ts'
import { guardIterable, mapIterable } from '../src/log/interruptible.ts'
import type { Context } from './context.ts'
import { noteSubscription } from './note-subscription.ts'
import { guardWithPresence } from './presence.ts'
import type { EventPlace } from './topic-event.ts'

/** A topic as a subscription tells it: `S` is the state in its snapshots, `E` what the field's type is resolved from. */
export interface ToldTopic<S, E> {
  readonly topic: string
  /** See `SharedTopic`. */
  readonly snapshot: SharedTopic<S>['snapshot']
  /** Nothing is the last by default: such a topic goes on. */
  readonly isLast?: SharedTopic<S>['isLast']
  /** What may be done to events for a reader who is too slow; `keep` by default. */
  readonly classOf?: SharedTopic<S>['classOf']
  /** Two neighbouring `append` events as one; never by default. */
  readonly join?: SharedTopic<S>['join']
  /** Turns what is followed into what the field's type is resolved from, which must not depend on who watches. */
  readonly read: (followed: Followed<S>, place: EventPlace) => E
  /** Where leave to see it can be taken back. */
  readonly guard?: Guard | undefined
  /** Whether who watches it counts as present; not by default. */
  readonly isPresenceKept?: boolean
  /**
   * A state beside the log that is told as it changes, and holds until then: laid between the events with the seq of the one before, so
   * the event's type belongs into `passingEvents` of `src/protocol.ts`. Told by live delivery alone: not to those who poll, nor where the
   * operation depends on who asks.
   */
  readonly standing?: {
    /** Calls `tell` with the state, now and whenever it has changed, until the returned function is called. */
    readonly watch: (tell: (state: unknown) => void) => () => void
    readonly read: (state: unknown, place: EventPlace) => E
  }
}

/** The arguments by which every subscription says from where to follow. */
export interface StartingArguments {
  readonly after?: string | null | undefined
  readonly fromStart?: boolean | null | undefined
}

/**
 * What makes a field a subscription to a topic, to be spread into its options: delivery shared by all who ask the same, and
 * following on one's own for those who poll. Its arguments `after` and `fromStart`, if any, mean what they mean everywhere.
 *
 * @param open - finds the topic on behalf of the viewer in the context; throws a `TidingsError` when that one may not see it
 */
export function subscribeToTopic<A extends object, S, E>(
  open: (args: A, context: Context) => Promise<ToldTopic<S, E>>,
): {
  readonly extensions: { readonly live: unknown }
  subscribe(parent: unknown, args: A & StartingArguments, context: Context): Promise<AsyncIterableIterator<E>>
  resolve(event: E): E
} {
  const shared: SharedField<Context, S> = {
    startingArguments: ['after', 'fromStart'],
    startOf: (args) => startOf(args as StartingArguments),
    open: async (args, context) => {
      const { read, standing, ...told } = await noteSubscription(context, () => open(args as A, context))
      const placeOf = createPlaces(context, told.topic)
      return {
        isLast: () => false,
        classOf: () => 'keep',
        join: () => null,
        ...told,
        guard: guardOf(told, context),
        createReader() {
          return {
            read: (followed) => read(followed, placeOf(followed)),
            readPassing(state, seq) {
              if (standing === undefined) throw new Error(`The topic "${told.topic}" has no passing states`)
              return standing.read(state, placeOf({ seq }))
            },
          }
        },
        ...(standing === undefined
          ? {}
          : { passing: { isWanted: true, isWantedAfter: () => true, isStanding: true, watch: standing.watch } }),
      }
    },
  }
  return {
    ...shareExecution(shared),
    async subscribe(_, args, context) {
      const told = await noteSubscription(context, () => open(args, context))
      const { topic, snapshot, isLast = () => false, read } = told
      const guard = guardOf(told, context)
      const { reader, feeds } = context.engine
      const followed = follow(
        { reader, feeds },
        { topic, snapshot, isLast, catchUpOnly: context.catchUp, ...startOf(args) },
      )
      const placeOf = createPlaces(context, topic)
      return mapIterable(guard === undefined ? followed : guardIterable(followed, guard), (one) =>
        read(one, placeOf(one)),
      )
    },
    resolve: (event) => event,
  }
}

/** Says where in a topic something stands: what is no event of its log, at the seq of the one before it, and now. */
function createPlaces(
  { engine }: Context,
  topic: string,
): (told: { readonly event: LogEvent } | { readonly seq: number }) => EventPlace {
  const cursorOf = createCursorFormat(engine.reader, topic)
  return (told) => {
    const { seq, at } = 'event' in told ? told.event : { seq: told.seq, at: new Date().toISOString() }
    return { cursor: cursorOf(seq), seq, at }
  }
}

/** Ends with leave to see the topic; as long as it goes on, the viewer is there, where that is kept. */
function guardOf(
  { topic, guard, isPresenceKept = false }: Pick<ToldTopic<never, never>, 'topic' | 'guard' | 'isPresenceKept'>,
  context: Context,
): Guard | undefined {
  return isPresenceKept ? guardWithPresence(context, topic, guard) : guard
}

function startOf({ after, fromStart }: StartingArguments): StartingPoint {
  return { after: after ?? undefined, fromStart: fromStart ?? false }
}
