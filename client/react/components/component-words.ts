import type { ConnectionState } from '../../connection/connection-state.ts'
import type { QueuePosition, TaskState } from '../../reduce/task-state.ts'
import {
  describeConnection,
  describeDuration,
  describeForAnnouncement,
  describePlace,
  describeWhere,
} from '../describe.ts'

/**
 * The texts of the components. Replace any of them with `<TidingsProvider words={…}>`. A text that is composed of others
 * calls them, so a replaced `duration` appears in `times` and `wait` as well.
 */
export interface TidingsWords {
  /** A duration: `8 s`, `1 h 5 min`. */
  duration(ms: number): string
  /** The stage of a running task, or the status of another one. */
  status(task: Pick<TaskState, 'status' | 'progress'>): string
  /**
   * The announcement for screen readers. It should change with the status and each quarter, not
   * with each percent.
   */
  announcement(task: Pick<TaskState, 'status' | 'progress' | 'error'>): string
  /** A whole number of percent. */
  percent(percent: number): string
  /** The value of a progress bar for assistive technology. */
  value(status: string, percent: number): string
  items(counts: { readonly completed: number; readonly failed: number; readonly total: number }): string
  /** Elapsed and remaining time in milliseconds; `remainingMs` is null while it is unknown. */
  times(elapsedMs: number, remainingMs: number | null): string
  /** The position of a task in the queue. */
  queue(position: QueuePosition): string
  /** The estimated wait in the queue. @param ms - milliseconds */
  wait(ms: number): string
  /** The connection as a title and sentences. @param now - milliseconds since 1970 */
  connection(state: ConnectionState, now: number): { readonly title: string; readonly details: readonly string[] }
  /** The label of the button that reconnects at once. */
  readonly tryNow: string
  /** The label of `RetryButton`. */
  readonly retry: string
}

/**
 * The English texts.
 * @example
 * <TidingsProvider client={client} words={{ percent: (percent) => defaultWords.percent(percent).replace('.', ',') }} />
 */
export const defaultWords: TidingsWords = {
  duration: describeDuration,
  status: describeWhere,
  announcement: describeForAnnouncement,
  percent: (percent) => `${percent} %`,
  value: (status, percent) => `${status}, ${percent} percent`,
  items: ({ completed, failed, total }) => `${completed} of ${total}${failed > 0 ? `, ${failed} failed` : ''}`,
  times(elapsedMs, remainingMs) {
    const elapsed = this.duration(elapsedMs)
    return remainingMs === null ? elapsed : `${elapsed}, about ${this.duration(remainingMs)} left`
  },
  queue: describePlace,
  wait(ms) {
    return `about ${this.duration(ms)}`
  },
  connection: describeConnection,
  tryNow: 'Try now',
  retry: 'Retry',
}
