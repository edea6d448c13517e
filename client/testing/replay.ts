import { finalStatuses } from '../../src/protocol.ts'
import { type RecordedEvent, type Recording, recordingVersion } from '../../src/recording.ts'
import { createCoreClient } from '../core-client.ts'
import type { TaskStatus } from '../gql/graphql.ts'
import { createUploads } from '../outbox/uploads.ts'
import type { TaskEvent } from '../reduce/task-state.ts'
import { createWatch, type TidingsClient } from '../tidings-client.ts'
import type { Subscriber } from '../transport/transport.ts'
import type { TransportFactory } from '../transport/transports.ts'

/** A recorded task that is delivered event by event. */
export interface Replay extends AsyncDisposable {
  /** The client for `TidingsProvider` and `watchTask`. All of it is real except the connection: there is none. */
  readonly client: TidingsClient
  /** The id of the recorded task. */
  readonly taskId: string
  /** Delivers the next event to all subscribers. @returns the event; null when there is none left */
  next(): TaskEvent | null
  /** Delivers the events up to the first one with a status. @param until - by default all events are delivered */
  play(until?: TaskStatus): void
}

/** One subscriber, and the number of events that it has received or that its snapshot contains. */
interface Reader {
  readonly subscriber: Subscriber
  at: number
}

/** The address of a server that does not exist. */
const url = 'http://replay.invalid/graphql'

/**
 * Replays a task that `record` of `tidings/testing` has recorded, for tests of components. A page that subscribes receives the
 * snapshot of the waiting task, then each event when the test asks for it. The mutation that starts a task of the kind is answered
 * with the recorded task; all other queries and mutations are refused.
 *
 * @param recording - also one that was read from a file
 * @throws TypeError for a recording of another version
 * @example
 * const { client, taskId, play } = replay(recording)
 * render(<TidingsProvider client={client}><Report taskId={taskId} /></TidingsProvider>)
 * act(() => play())
 * await screen.findByText('3 pages')
 */
export function replay(recording: Recording): Replay {
  const { version, task, events } = recording
  if (version !== recordingVersion)
    throw new TypeError(
      `The recording has version ${version}, and this is version ${recordingVersion}: record it again`,
    )
  const readers = new Set<Reader>()
  const initial = snapshotOf(recording)
  const isComplete = events[0]?.seq === 1
  /** The number of events that have happened; the snapshot of the waiting task contains the first. */
  let happened = isComplete ? 1 : events.length

  const isEnd = (index: number): boolean => index === events.length && finalStatuses.includes(String(task['status']))
  const send = (reader: Reader, event: object, kind?: 'snapshot'): void => {
    const last = isEnd(reader.at)
    reader.subscriber.next({ data: { taskProgress: event }, extensions: { tidings: { kind, last } } })
    if (!last) return
    readers.delete(reader)
    reader.subscriber.complete()
  }
  const catchUp = (reader: Reader): void => {
    while (readers.has(reader) && reader.at < happened) {
      const event = events[reader.at++]
      if (event !== undefined) send(reader, event)
    }
  }
  const begin = (reader: Reader): void => {
    if (!readers.has(reader)) return
    const { taskId, after, fromStart } = reader.subscriber.body().variables ?? {}
    if (taskId !== task.id) {
      readers.delete(reader)
      const message = `The recording has the task "${task.id}" only`
      reader.subscriber.next({ errors: [{ message, extensions: { code: 'NOT_FOUND' } }] })
      return
    }
    if (typeof after === 'string') reader.at = events.findIndex(({ cursor }) => cursor === after) + 1
    else if (fromStart !== true) {
      reader.at = isComplete ? 1 : events.length
      send(reader, initial, 'snapshot')
    }
    catchUp(reader)
  }
  const transport: TransportFactory = {
    name: 'websocket',
    create: () => (listener) => ({
      attach(subscriber) {
        const reader: Reader = { subscriber, at: 0 }
        readers.add(reader)
        // No listener is called before the caller holds the connection.
        queueMicrotask(() => {
          listener.confirmed()
          begin(reader)
        })
        return () => void readers.delete(reader)
      },
      confirm: () => queueMicrotask(listener.confirmed),
      check: () => undefined,
      canAnswer: false,
      heartbeatMs: null,
      close: () => undefined,
    }),
  }
  const { fetch, uploads } = createUploads(async (_, init) => Response.json(answer(recording, String(init?.body))))
  const core = createCoreClient({ url, fetch, transports: [transport], storage: null })
  const next = (): TaskEvent | null => {
    const event = events[happened]
    if (event === undefined) return null
    happened++
    for (const reader of [...readers]) catchUp(reader)
    return event as unknown as TaskEvent
  }
  return {
    client: { ...core, uploads, watchTask: createWatch(core) },
    taskId: task.id,
    next,
    play(until) {
      for (let event = next(); event !== null && event.status !== until; ) event = next()
    },
    [Symbol.asyncDispose]: () => core.dispose(),
  }
}

/** Returns the snapshot with which a subscription begins: of the waiting task, or of the recorded one when older events are missing. */
function snapshotOf({ task, events }: Recording): RecordedEvent {
  const first = events.find(({ seq }) => seq === 1)
  const common = { __typename: 'TaskSnapshot', taskId: task.id, reason: 'SUBSCRIBED' }
  if (first === undefined) {
    const { status, progress, cursor, createdAt: at } = task
    return { ...common, seq: events.at(-1)?.seq ?? 0, at, status, progress, cursor, task } as unknown as RecordedEvent
  }
  const { status, progress, cursor, at, seq, queue = null } = first
  const empty = {
    attempt: 1,
    items: [],
    outputs: [],
    error: null,
    result: null,
    nextAttemptAt: null,
    cancelReason: null,
  }
  const position = { status, progress, cursor }
  return { ...common, ...position, at, seq, task: { ...task, ...position, ...empty, queue } } as RecordedEvent
}

/** Returns the response to a query or mutation. */
function answer(recording: Recording, body: string): object {
  const { mutation, task } = recording
  const { query } = JSON.parse(body) as { readonly query: string }
  if (query.startsWith('mutation') && query.includes(`... on ${mutation.success} `)) {
    const waiting = { ...task, ...(snapshotOf(recording)['task'] as object), finishedAt: null }
    return { data: { [mutation.field]: { __typename: mutation.success, task: waiting } } }
  }
  return { errors: [{ message: 'A replayed task has no server: only its start is answered' }] }
}
