import type { JsonObject } from '../../src/db/tables.ts'
import type { SnapshotReason, TopicUpdate } from '../../src/log/follow.ts'
import type { Builder } from './builder.ts'

/**
 * The position of an event in its topic, and its time. A snapshot has the position of the event
 * before it, and the current time.
 */
export interface EventPosition {
  readonly cursor: string
  readonly seq: number
  readonly at: string
}

/**
 * The source of an event of a topic. Contains all that its fields need: resolving an event loads
 * nothing.
 */
export interface TopicEvent extends EventPosition {
  readonly type: string
  /** The reason for a snapshot. */
  readonly reason?: SnapshotReason
}

/** An event with its payload as it was logged; a snapshot with the state. */
export interface LoggedEvent<S> extends TopicEvent {
  readonly payload: JsonObject
  readonly snapshot?: S
}

/**
 * Converts an update of a topic to an event of the API. @param snapshot - the type name of
 * snapshots
 */
export function readLogged<S>(update: TopicUpdate<S>, position: EventPosition, snapshot: string): LoggedEvent<S> {
  if (update.is === 'event') return { ...position, type: update.event.type, payload: update.event.payload }
  return { ...position, type: snapshot, payload: {}, reason: update.reason, snapshot: update.state }
}

/**
 * Returns a part that the type of an event guarantees.
 * @throws Error when the writer of the event omitted it
 */
export function promised<T>(part: T | undefined, { type, cursor }: TopicEvent): T {
  if (part === undefined) throw new Error(`The ${type} at "${cursor}" lacks what its type promises`)
  return part
}

/** Adds `SnapshotReason`. @returns the function that adds the events of a topic */
export function addTopicEvents(builder: Builder) {
  const snapshotReason = builder.enumType('SnapshotReason', {
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
   * Adds the interface of a topic's events, with their position.
   *
   * @param options.seq - the description of the field `seq`
   * @param options.unknown - the type used for events written by a newer server
   */
  function defineTopicEvents<E extends TopicEvent>(
    name: string,
    options: { readonly description: string; readonly seq: string; readonly unknown: string },
  ) {
    const knownTypes = new Set<string>()
    const event = builder.interfaceRef<E>(name).implement({
      description: options.description,
      resolveType: ({ type }) => (knownTypes.has(type) ? type : options.unknown),
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
      knownTypes.add(type)
      return builder.objectRef<E>(type)
    }
    return {
      event,
      /** Creates the ref of an event type, to be implemented with `event` among its interfaces. */
      eventRef,
      /** Creates the ref of a snapshot type, which includes the reason. */
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

  return { snapshotReason, defineTopicEvents }
}
