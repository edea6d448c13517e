import { vi } from 'vitest'
import type { ConnectionState } from '../../../client/connection/connection-state.ts'
import type { TidingsClient } from '../../../client/tidings-client.ts'
import type { WatchTaskOptions } from '../../../client/watch-task/watch-task.ts'

/** The delivered events of a task. */
export interface Watching {
  readonly seqs: number[]
  /** Resolves when the task has ended, or rejects with the reason why it cannot be followed. */
  readonly done: Promise<void>
}

/** Follows a task in the background, from its first event. */
export function watch(client: TidingsClient, id: string, options: WatchTaskOptions = { fromStart: true }): Watching {
  const seqs: number[] = []
  const done = (async () => {
    // The queue position is not an event of the log.
    for await (const { seq, __typename: type } of client.watchTask(id, options))
      if (type !== 'TaskQueueMoved') seqs.push(seq)
  })()
  done.catch(() => undefined)
  return { seqs, done }
}

/** Records every state of the connection from now on. Listening keeps it open. */
export function recordStates(client: TidingsClient): readonly ConnectionState[] {
  const states: ConnectionState[] = []
  client.connection.subscribe(() => states.push(client.connection.getSnapshot()))
  return states
}

/** Waits until a check passes; long enough for a busy machine. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { interval: 10 })
}
