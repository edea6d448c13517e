/** What is counted, of one document or of all. */
export interface Figures {
  /** Questions made by generating quizzes. */
  readonly generatedCount: number
  /** Questions that took the place of another. */
  readonly replacedCount: number
  /** Places of quizzes in which an accepted question stands now. */
  readonly acceptedCount: number
  /** Of the last 1,000 questions, from a question's start until it is ready; null before the first. */
  readonly medianMs: number | null
  /** The 90th percentile of the same. */
  readonly p90Ms: number | null
  /** Failed tasks, as a part of those that completed or failed, 0 to 1; null before the first. */
  readonly failureRate: number | null
  /** Tasks that make quizzes or replace questions, by their state. */
  readonly tasks: TaskCounts
}

/** Tasks by state. */
export interface TaskCounts {
  readonly queued: number
  readonly running: number
  readonly retrying: number
  readonly completed: number
  readonly failed: number
  readonly canceled: number
}

/** The figures of one document. */
export interface DocumentFigures extends Figures {
  readonly documentId: string
  /** As it was called when its last quiz was begun. */
  readonly title: string
  /** When something happened to it last, RFC 3339. */
  readonly lastAt: string
}

/** Questions of one hour. */
export interface HourFigures {
  /** When it begins, RFC 3339 in UTC. */
  readonly hour: string
  readonly generatedCount: number
  readonly replacedCount: number
}

/** How long one question took. */
export interface QuestionTiming {
  /** Of the question and the task that made it. */
  readonly id: string
  readonly documentId: string
  readonly origin: 'GENERATED' | 'REPLACED'
  /** When it was ready, RFC 3339. */
  readonly at: string
  /** From its last start; null when that was not kept. */
  readonly durationMs: number | null
}

/**
 * What is told of an educator's figures: all of it in a snapshot, and in a change the parts that are no longer as they were,
 * each as it is now. Documents are told apart by `documentId`, hours by `hour`, questions by `id`.
 */
export interface AnalyticsState {
  readonly totals: Figures
  /** In a snapshot the 200 in which something happened last, the newest first. */
  readonly documents: readonly DocumentFigures[]
  /** In a snapshot those of the last 30 days in which questions were made, in order. */
  readonly hours: readonly HourFigures[]
  /** In a snapshot the last 200, in order. */
  readonly questions: readonly QuestionTiming[]
}
