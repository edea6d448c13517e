import type { JsonObject } from '../src/db/tables.ts'
import type { Followed, SnapshotReason } from '../src/log/follow.ts'
import { builder } from './builder.ts'

/** Where in its topic an event stands, and when it happened. A snapshot stands at the event before it, and is of now. */
export interface EventPlace {
  readonly cursor: string
  readonly seq: number
  readonly at: string
}

/** What an event of a topic is resolved from. Holds all that its fields need: resolving one loads nothing. */
export interface TopicEvent extends EventPlace {
  readonly type: string
  /** Of a snapshot: why it stands there. */
  readonly reason?: SnapshotReason
}

/** An event with its payload as it was logged; a snapshot with the state. */
export interface LoggedEvent<S> extends TopicEvent {
  readonly payload: JsonObject
  readonly snapshot?: S
}

/** What is followed as an event of the API. @param snapshot - the type of its snapshots */
export function readLogged<S>(followed: Followed<S>, place: EventPlace, snapshot: string): LoggedEvent<S> {
  if (followed.is === 'event') return { ...place, type: followed.event.type, payload: followed.event.payload }
  return { ...place, type: snapshot, payload: {}, reason: followed.reason, snapshot: followed.state }
}

/** What the type of an event promises. @throws Error when whoever made the event has left it out */
export function promised<T>(part: T | undefined, { type, cursor }: TopicEvent): T {
  if (part === undefined) throw new Error(`The ${type} at "${cursor}" lacks what its type promises`)
  return part
}

/** `SnapshotReason` */
export const snapshotReason = builder.enumType('SnapshotReason', {
  description: 'Why a snapshot replaces events.',
  values: {
    SUBSCRIBED: { description: 'The first event of a subscription without `after`.' },
    PRUNED: { description: 'The events after `after` are no longer stored.' },
    RESET: {
      description: '`after` belongs to another epoch of the log: the database was lost, or restored from a backup.',
    },
    LAGGED: { description: 'The subscriber was too slow; the snapshot replaces the events it missed.' },
  } as const,
})

/**
 * Adds the interface of a topic's events, with their place in it.
 *
 * @param options.seq - describes the field `seq`
 * @param options.unknown - the type as which an event reads that a newer server wrote
 */
export function defineTopicEvents<E extends TopicEvent>(
  name: string,
  options: { readonly description: string; readonly seq: string; readonly unknown: string },
) {
  const known = new Set<string>()
  const event = builder.interfaceRef<E>(name).implement({
    description: options.description,
    resolveType: ({ type }) => (known.has(type) ? type : options.unknown),
    fields: (t) => ({
      cursor: t.field({
        type: 'Cursor',
        description: 'Pass it back as `after` to receive the events after this one.',
        resolve: ({ cursor }) => cursor,
      }),
      seq: t.int({ description: options.seq, resolve: ({ seq }) => seq }),
      at: t.field({ type: 'DateTime', description: 'When the event happened.', resolve: ({ at }) => at }),
    }),
  })
  const eventRef = (type: string) => {
    known.add(type)
    return builder.objectRef<E>(type)
  }
  return {
    event,
    /** A type of event, to be implemented with `event` among its interfaces. */
    eventRef,
    /** The same for what stands in place of events: it says why. */
    snapshotRef(type: string) {
      const ref = eventRef(type)
      builder.objectField(ref, 'reason', (t) =>
        t.field({
          type: snapshotReason,
          description: 'Why the snapshot was sent.',
          resolve: ({ reason }) => reason ?? 'SUBSCRIBED',
        }),
      )
      return ref
    },
  }
}
