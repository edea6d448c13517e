import type { ConnectionState } from '../connection/connection-state.ts'
import type { QueuePosition, TaskState } from '../reduce/task-state.ts'

export { describeError } from '../transport/http.ts'

/**
 * Formats a duration, rounded to a useful precision: `8 s`, `2 min`, `1 h 5 min`.
 * @example
 * if (task.progress.remainingMs !== null) return <p>{describeDuration(task.progress.remainingMs)} left</p>
 */
export function describeDuration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const rest = minutes % 60
  return rest === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${rest} min`
}

/**
 * Adds a full stop to a text that does not end in punctuation, such as the message of an error.
 * @example
 * if (task.error !== null) return <p>{endSentence(task.error.message)} {task.error.advice}</p>
 */
export function endSentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}

/**
 * Formats a name such as `generating` or `RETRY_CONTENT` for display: `Generating`, `Retry
 * content`.
 * @example
 * return <h2>{describeName(task.kind ?? 'TASK')}</h2>
 */
export function describeName(name: string): string {
  const words = name.toLowerCase().replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/**
 * Returns a short description of a task's current state: its stage while it runs, otherwise its
 * status.
 * @example
 * return <p>{describeWhere(task)}</p>
 */
export function describeWhere({ status, progress }: Pick<TaskState, 'status' | 'progress'>): string {
  switch (status) {
    case 'QUEUED':
      return 'Queued'
    case 'RUNNING':
      return progress.stage === null ? 'Running' : describeName(progress.stage)
    case 'RETRYING':
      return 'Retrying'
    case 'COMPLETED':
      return progress.failedItems > 0 ? 'Partially completed' : 'Completed'
    case 'FAILED':
      return 'Failed'
    case 'CANCELED':
      return 'Canceled'
    default:
      return describeName(status satisfies never)
  }
}

/**
 * Returns the announcement of a task for screen readers. It changes with the status, the stage and
 * each quarter, so that not every percent is announced.
 */
export function describeForAnnouncement(task: Pick<TaskState, 'status' | 'progress' | 'error'>): string {
  const where = describeWhere(task)
  if (task.status === 'FAILED') return `${where}. ${task.error?.message ?? ''}`.trim()
  if (task.status !== 'RUNNING') return `${where}.`
  const quarter = Math.floor(task.progress.percent / 25) * 25
  return quarter === 0 ? `${where}.` : `${where}, ${quarter} percent.`
}

const suffixes: Readonly<Record<string, string>> = { one: 'st', two: 'nd', few: 'rd', other: 'th' }
const ordinals = new Intl.PluralRules('en', { type: 'ordinal' })

/**
 * Formats a queue position: `Next in the queue`, `3rd of 7 in the queue`.
 * @example
 * if (task.queue !== null) return <p>{describePlace(task.queue)}</p>
 */
export function describePlace({ position, waiting }: QueuePosition): string {
  if (position === 1) return 'Next in the queue'
  return `${position}${suffixes[ordinals.select(position)] ?? 'th'} of ${waiting} in the queue`
}

const transports = { websocket: 'WebSocket', sse: 'event stream', polling: 'polling' } as const

/**
 * Describes the connection with a short title and details as sentences.
 * @param now - milliseconds since 1970
 * @example
 * const { title, details } = describeConnection(useConnection(), useNow(true))
 */
export function describeConnection(
  { status, transport, attempt, nextTryAt, lastSignOfLifeAt, roundTripMs, reason }: ConnectionState,
  now: number,
): { readonly title: string; readonly details: readonly string[] } {
  const details: string[] = []
  if (reason !== null) details.push(endSentence(reason))
  if (transport !== null) details.push(`Over ${transports[transport]}.`)
  if (roundTripMs !== null) details.push(`Round trip ${roundTripMs < 1 ? '< 1' : Math.round(roundTripMs)} ms.`)
  if (lastSignOfLifeAt !== null) {
    const ageMs = now - lastSignOfLifeAt
    details.push(ageMs < 2_000 ? 'Last message just now.' : `Last message ${describeDuration(ageMs)} ago.`)
  }
  switch (status) {
    case 'connecting':
      return { title: 'Connecting', details }
    case 'live':
      return { title: 'Live', details }
    case 'degraded':
      return { title: transport === 'polling' ? 'Delayed' : 'Live (fallback)', details }
    case 'reconnecting': {
      const waitMs = nextTryAt === null ? 0 : nextTryAt - now
      const next = waitMs > 500 ? `Next try in ${describeDuration(waitMs)}.` : 'Trying now.'
      return { title: 'Reconnecting', details: [...details, attempt === 0 ? next : `Attempt ${attempt}. ${next}`] }
    }
    case 'offline':
      return { title: 'Offline', details: [...details, 'It reconnects when the network is back.'] }
    case 'closed':
      return { title: 'Not connected', details }
    default:
      return { title: describeName(status satisfies never), details }
  }
}
