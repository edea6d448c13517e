import type { Database } from '../../db/connect.ts'
import { TidingsError } from '../../errors.ts'
import type { Appender } from '../../log/append.ts'
import type { AppendRequest } from '../../log/append-request.ts'
import type { Logger } from '../../logger.ts'
import { appendWith } from '../model/append-with.ts'
import type { CompletionHooks } from '../model/completion-hooks.ts'
import { storableText } from '../model/storable.ts'
import { getTask, type TaskStore } from '../model/store.ts'
import { isFinal, type Task, taskTopic } from '../model/task.ts'
import type { TaskDefinition } from '../model/task-definition.ts'
import { wakeNextOfOwner } from '../queue/owner-wake-ups.ts'
import type { QueuePositions } from '../queue/positions.ts'
import type { WakeUps } from '../queue/wake-ups.ts'

/** Cancels a task; see `TaskService.cancel`. */
export type Cancel = (id: string, reason?: string) => Promise<Task>

/** Creates the function that cancels tasks. */
export function createCancel(options: {
  readonly database: Database
  readonly store: TaskStore
  readonly appender: Appender
  readonly wakeUps: WakeUps
  readonly queuePositions: QueuePositions
  readonly definitions: ReadonlyMap<string, TaskDefinition>
  readonly completionHooks: CompletionHooks
  readonly notifyWorkers: (taskId: string) => void
  readonly logger: Logger
}): Cancel {
  const { database, store, appender, queuePositions, completionHooks, notifyWorkers } = options

  const cancelOnce = async (task: Task, reason: string | undefined): Promise<boolean> => {
    const { commit } = await completionHooks.of(task, { status: 'CANCELED', error: null, result: null })
    const append: AppendRequest = {
      topic: taskTopic(task.id),
      close: true,
      events: [{ type: 'TaskCanceled', payload: { status: 'CANCELED', reason: reason ?? null } }],
      task: {
        id: task.id,
        expect: ['QUEUED', 'RUNNING', 'RETRYING'],
        set: {
          status: 'CANCELED',
          worker: null,
          attemptEnd: { outcome: 'CANCELED' },
          ...(reason === undefined ? {} : { cancelReason: reason }),
        },
      },
    }
    const { accepted } = await appendWith({ database, appender }, append, commit)
    // The task ended otherwise.
    if (!accepted) return false
    notifyWorkers(task.id)
    queuePositions.moved(task.kind)
    // A worker that has died sends no wake-ups. Only a running task counts towards the owner's limit.
    if (task.status === 'RUNNING') void wakeNextOfOwner(options, task)
    return true
  }

  return async (id, rawReason) => {
    const reason = rawReason === undefined ? undefined : storableText(rawReason)
    const task = await getTask(store, id)
    if (!isFinal(task.status) && (await cancelOnce(task, reason))) return getTask(store, id)
    const current = await getTask(store, id)
    if (current.status === 'CANCELED') return current
    throw new TidingsError('CONFLICT', `Task "${id}" is ${current.status.toLowerCase()} and cannot be canceled`, {
      taskId: id,
    })
  }
}
