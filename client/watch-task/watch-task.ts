import { type Client, createRequest, type DocumentInput } from '@urql/core'
import { onEnd, pipe, subscribe } from 'wonka'
import type { ConnectionStore } from '../connection/connection-state.ts'
import type { TaskProgressDocument } from '../gql/graphql.ts'
import { taskDocumentOf, topicDocumentOf } from '../kinds/documents.ts'
import { type AnyKind, asTaskOf, type TaskEventOf, type TaskOf } from '../kinds/generated-kind.ts'
import type { GeneratedTopic, TopicEventOf } from '../kinds/generated-topic.ts'
import { reduceTask } from '../reduce/task.ts'
import type { TaskEvent, TaskState } from '../reduce/task-state.ts'
import { createChannel } from './channel.ts'

/** Options of watching a task or a topic. */
export interface WatchTaskOptions {
  /** Yields only the events after this cursor. */
  readonly after?: string
  /** Yields the whole history first. @default false */
  readonly fromStart?: boolean
  /** Stops watching when it aborts. */
  readonly signal?: AbortSignal
}

/**
 * The events of one task. Ends after the terminal event; leaving the loop unsubscribes. Each
 * iteration subscribes anew.
 *
 * @throws CombinedError when the server refuses the subscription
 * @throws Error when the connection is closed permanently
 */
export interface TaskStates<Event = TaskEvent, State = TaskState> extends AsyncIterable<Event> {
  /**
   * The events folded: yields the state of the task after each event that changes it.
   * @throws TypeError when the task does not have the types of the kind that was passed to `watchTask`
   */
  states(): AsyncIterable<State>
}

/** A urql client whose subscriptions resume, and the state of its connection. */
export interface WatchingClient {
  readonly urql: Client
  readonly connection: ConnectionStore
  readonly plugins?: readonly { readonly taskProgress?: typeof TaskProgressDocument }[]
}

let watchCount = 0

/**
 * Watches one task through a urql client. With a kind of `tidings.gen.ts`, its result and error details are typed.
 * @example
 * for await (const task of watchTask(client, exportReport, id).states())
 *   if (task.status === 'COMPLETED') console.log(task.result.url)
 */
export function watchTask(client: WatchingClient, taskId: string, options?: WatchTaskOptions): TaskStates
export function watchTask<K extends AnyKind>(
  client: WatchingClient,
  kind: K,
  taskId: string,
  options?: WatchTaskOptions,
): TaskStates<TaskEventOf<K>, TaskOf<K>>
export function watchTask(
  client: WatchingClient,
  ...args: readonly [string | AnyKind, (string | WatchTaskOptions)?, WatchTaskOptions?]
): TaskStates<unknown, unknown> {
  const [kind, taskId, options] = (typeof args[0] === 'string' ? [undefined, ...args] : args) as [
    AnyKind | undefined,
    string,
    WatchTaskOptions?,
  ]
  return createStates(client, taskId, options, kind)
}

function createStates(
  client: WatchingClient,
  taskId: string,
  options: WatchTaskOptions = {},
  kind?: AnyKind,
): TaskStates<TaskEvent, unknown> {
  const watch = (): AsyncIterableIterator<TaskEvent, undefined> =>
    watchEvents(client, { document: taskDocumentOf(client, kind), variables: { taskId } }, options)
  return {
    [Symbol.asyncIterator]: watch,
    async *states() {
      let state: TaskState | undefined
      for await (const event of watch()) {
        const before = state
        state = reduceTask(state, event)
        if (state !== before) yield kind === undefined ? state : asTaskOf(kind, state)
      }
    },
  }
}

/**
 * Watches a topic: a snapshot first, then every event in order, each exactly once. Each iteration subscribes anew; leaving the loop
 * unsubscribes.
 *
 * @param topic - a topic of `tidings.gen.ts`
 * @throws CombinedError when the server refuses the subscription
 * @throws Error when the connection is closed permanently
 * @example
 * for await (const event of watchTopic(client, order, id))
 *   if (event.__typename === 'OrderStatusChanged') console.log(event.status)
 */
export function watchTopic<T extends GeneratedTopic>(
  client: WatchingClient,
  topic: T,
  id: string,
  options: WatchTaskOptions = {},
): AsyncIterable<TopicEventOf<T>> {
  const source = { document: topicDocumentOf(topic), variables: { id } }
  return { [Symbol.asyncIterator]: () => watchEvents<TopicEventOf<T>>(client, source, options) }
}

/** Watches a subscription with one field, which resumes by its cursor. */
function watchEvents<Event extends { readonly cursor: string }>(
  { urql, connection }: WatchingClient,
  { document, variables }: { readonly document: DocumentInput; readonly variables: object },
  { after, fromStart = false, signal }: WatchTaskOptions,
): AsyncIterableIterator<Event, undefined> {
  let cursor = after
  return createChannel<Event>((channel) => {
    const request = createRequest<Readonly<Record<string, Event>>>(document, {
      ...variables,
      fromStart,
      ...(cursor === undefined ? {} : { after: cursor }),
    })
    watchCount += 1
    // A unique key: urql shares operations of equal keys, and a late subscriber would not receive
    // the snapshot again.
    const own = { ...request, key: (request.key ^ Math.imul(watchCount, 0x9e3779b1)) >>> 0 }
    const subscription = pipe(
      urql.executeSubscription(own),
      onEnd(channel.end),
      subscribe(({ data, error }) => {
        if (error !== undefined) return channel.fail(error)
        const [event] = Object.values(data ?? {})
        if (event === undefined) return
        cursor = event.cursor
        channel.push(event)
      }),
    )
    const onConnectionChange = (): void => {
      const { status, reason } = connection.getSnapshot()
      if (status === 'closed') channel.fail(new Error(reason ?? 'The connection is closed'))
    }
    const stopListening = connection.subscribe(onConnectionChange)
    signal?.addEventListener('abort', channel.end)
    if (signal?.aborted === true) channel.end()
    onConnectionChange()
    return () => {
      signal?.removeEventListener('abort', channel.end)
      stopListening()
      subscription.unsubscribe()
    }
  })
}
