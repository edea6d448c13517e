import type { PoolClient } from 'pg'
import {
  type Announcement,
  type CompletionHook,
  type Logger,
  type Presence,
  type TaskEnd,
  taskTopic,
} from '../../engine.ts'
import type { Draft } from './notification.ts'
import type { Notifications } from './notifications.ts'

/**
 * Creates a notification for the owner of every task that ends without a subscription of that owner
 * on any server, in the transaction of its terminal event: exactly once. Canceled tasks are
 * skipped: only their owner can cancel them.
 */
export function createEndNotices(options: {
  readonly notifications: Notifications
  readonly presence: Pick<Presence, 'of'>
  readonly logger: Logger
}): CompletionHook {
  const { notifications, presence, logger } = options

  const isWatched = async (taskId: string, owner: string): Promise<boolean> => {
    try {
      return (await presence.of(taskTopic(taskId))).includes(owner)
    } catch (error) {
      // A duplicate, on the page and in the inbox, is better than a lost notification.
      logger.warn({ err: error, taskId }, 'failed to read whether a task has subscribers')
      return false
    }
  }

  return async (taskEnd) => {
    const { id, owner } = taskEnd.task
    if (taskEnd.ending.status === 'CANCELED' || (await isWatched(id, owner))) return undefined
    return async (client) => {
      const announcement = await announce(client, taskEnd)
      if (announcement !== null) await notifications.notifyIn(client, owner, toDraft(announcement, taskEnd))
    }
  }
}

async function announce(client: PoolClient, { task, definition, ending }: TaskEnd): Promise<Announcement | null> {
  const input = definition?.input.safeParse(task.input)
  if (definition?.announce !== undefined && input?.success === true)
    return definition.announce(client, input.data, ending)
  return { title: `${nameOf(task.kind)} ${ending.status === 'COMPLETED' ? 'is done' : 'failed'}` }
}

function toDraft({ title, message, isPartial = false, aboutId }: Announcement, { task, ending }: TaskEnd): Draft {
  const isCompleted = ending.status === 'COMPLETED'
  const { error } = ending
  const reason = error === null ? null : [error.message, error.advice ?? ''].map(endSentence).join(' ').trim()
  return {
    level: isCompleted ? (isPartial ? 'WARNING' : 'SUCCESS') : 'ERROR',
    title,
    message: message === undefined ? reason : message,
    aboutId: aboutId === undefined ? (task.subject ?? task.id) : aboutId,
    key: `end of ${task.id}`,
  }
}

/** Appends missing punctuation, as messages are joined with other sentences. */
function endSentence(text: string): string {
  return text === '' || /[.!?…]$/.test(text) ? text : `${text}.`
}

/** Formats a task kind for display: `SYNC_PROJECT` becomes "Sync project". */
function nameOf(kind: string): string {
  const words = kind.toLowerCase().replaceAll('_', ' ')
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`
}
