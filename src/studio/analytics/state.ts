/** The figures of one document or of all documents. */
export interface Figures {
  /** Questions created by generating quizzes. */
  readonly generatedCount: number
  /** Questions that replaced another. */
  readonly replacedCount: number
  /** Quiz slots with an accepted current question. */
  readonly acceptedCount: number
  /** Over the last 1,000 questions, from a question's start until it is ready; null before the first. */
  readonly medianMs: number | null
  /** The 90th percentile of the same durations. */
  readonly p90Ms: number | null
  /** Failed tasks as a fraction of completed and failed ones, 0 to 1; null before the first. */
  readonly failureRate: number | null
  /** Tasks that generate quizzes or replace questions, by state. */
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
  /** The title at the time when its last quiz was started. */
  readonly title: string
  /** Time of its last activity, RFC 3339. */
  readonly lastAt: string
}

/** Questions of one hour. */
export interface HourFigures {
  /** Start of the hour, RFC 3339 in UTC. */
  readonly hour: string
  readonly generatedCount: number
  readonly replacedCount: number
}

/** How long one question took. */
export interface QuestionTiming {
  /** Id of the question and of the task that created it. */
  readonly id: string
  readonly documentId: string
  readonly origin: 'GENERATED' | 'REPLACED'
  /** Time of completion, RFC 3339. */
  readonly at: string
  /** Since its last start; null when the start was not retained. */
  readonly durationMs: number | null
}

/**
 * An educator's figures: complete in a snapshot; in a change only the changed parts, each with its
 * new value. Documents are identified by `documentId`, hours by `hour`, questions by `id`.
 */
export interface AnalyticsState {
  readonly totals: Figures
  /** In a snapshot: the 200 most recently active ones, newest first. */
  readonly documents: readonly DocumentFigures[]
  /** In a snapshot: the hours of the last 30 days in which questions were created, in order. */
  readonly hours: readonly HourFigures[]
  /** In a snapshot: the last 200, in order. */
  readonly questions: readonly QuestionTiming[]
}
