import { vi } from 'vitest'
import type { ConnectionState } from '../../../client/live/connection.ts'
import type { WatchTaskOptions } from '../../../client/live/watch-task.ts'
import type { TidingsClient } from '../../../client/tidings-client.ts'

/** What was handed on of a task. */
export interface Watching {
  readonly seqs: number[]
  /** Settles when the task is over, or with the reason why it cannot be watched. */
  readonly done: Promise<void>
}

/** Watches a task in the background, from its first event. */
export function watch(client: TidingsClient, id: string, options: WatchTaskOptions = { fromStart: true }): Watching {
  const seqs: number[] = []
  const done = (async () => {
    // Its place in the queue is no event of the log.
    for await (const { seq, __typename: type } of client.watchTask(id, options))
      if (type !== 'TaskQueueMoved') seqs.push(seq)
  })()
  done.catch(() => undefined)
  return { seqs, done }
}

/** Every state of the connection from now on. Listening keeps it open. */
export function recordStates(client: TidingsClient): readonly ConnectionState[] {
  const states: ConnectionState[] = []
  client.connection.subscribe(() => states.push(client.connection.getSnapshot()))
  return states
}

/** Waits until a check passes; long enough for a machine that has much else to do. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { interval: 10 })
}
