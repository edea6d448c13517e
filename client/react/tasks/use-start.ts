import { useCallback } from 'react'
import type { AnyKind } from '../../kinds/generated-kind.ts'
import { type StartArguments, type StartOutcome, type StartRefusal, startTask } from '../../kinds/start-task.ts'
import type { TidingsClient } from '../../tidings-client.ts'
import { type LiveTaskOf, useTask } from './use-task.ts'
import { useLastCall } from './use-task-mutation.ts'

/** Starting tasks of a kind, with the state of the last start and of its task. */
export type Start<K extends AnyKind> = LiveTaskOf<K> & {
  /** Starts a task. Never rejects: a refusal is in the outcome, and in `refusal`. */
  readonly start: (...input: StartArguments<K>) => Promise<StartOutcome>
  /**
   * Whether a response is pending, including the time in which the device is offline and the start
   * waits to be sent.
   */
  readonly isStarting: boolean
  /** The id of the last task that was started; null before, and after a refusal. */
  readonly id: string | null
  /** Why the last start was refused; null otherwise. */
  readonly refusal: StartRefusal | null
}

/**
 * Starts tasks of a kind, and watches the last one: `task` is its typed state, null until it has arrived.
 *
 * @param kind - a kind of `tidings.gen.ts`
 * @example
 * const { start, isStarting, refusal, task } = useStart(exportReport)
 * // <button onClick={() => start({ reportId, format: 'PDF' })}>
 * if (task?.status === 'COMPLETED') return <a href={task.result.url}>{task.result.pages} pages</a>
 * if (task?.status === 'FAILED' && task.error.code === 'QUOTA') return <p>Again at {task.error.details?.resetsAt}</p>
 */
export function useStart<K extends AnyKind>(kind: K): Start<K> {
  const send = useCallback(
    (client: TidingsClient, ...input: StartArguments<K>): Promise<StartOutcome> => startTask(client, kind, ...input),
    [kind],
  )
  const { run, isSending, task, refusal } = useLastCall(send)
  const id = task?.id ?? null
  return { ...useTask(kind, id), start: run, isStarting: isSending, id, refusal }
}
