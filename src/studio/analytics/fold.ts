import type { LogEvent, TaskStatus } from '../../engine.ts'

/** The counted content of an event in a counted topic. All other events are ignored. */
type Fact =
  | { readonly is: 'status'; readonly status: TaskStatus }
  | { readonly is: 'started'; readonly questionId: string; readonly at: string }
  | { readonly is: 'completed'; readonly questionId: string; readonly at: string }
  | { readonly is: 'reviewed'; readonly questionId: string; readonly isAccepted: boolean }

/** The event types that {@link factOf} reads. */
export const countedTypes = [
  'TaskQueued',
  'TaskStarted',
  'TaskRetrying',
  'TaskCompleted',
  'TaskFailed',
  'TaskCanceled',
  'TaskItemStarted',
  'TaskItemCompleted',
  'QuestionReviewed',
] as const

/** Whether {@link factOf} may read an event, provided that its topic is counted. */
export function isCounted({ type }: Pick<LogEvent, 'type'>): boolean {
  return (countedTypes as readonly string[]).includes(type)
}

/** Returns the fact in one event; null when it has none. */
export function factOf({ type, at, payload }: Pick<LogEvent, 'type' | 'at' | 'payload'>): Fact | null {
  switch (type as (typeof countedTypes)[number]) {
    case 'TaskItemStarted':
      return { is: 'started', questionId: itemOf(payload).key, at }
    case 'TaskItemCompleted': {
      const { key, status } = itemOf(payload)
      // A question that was skipped is reported as completed too, with the status SKIPPED.
      return status === 'COMPLETED' ? { is: 'completed', questionId: key, at } : null
    }
    case 'QuestionReviewed':
      return { is: 'reviewed', questionId: String(payload['questionId']), isAccepted: payload['isAccepted'] === true }
    case 'TaskQueued':
    case 'TaskStarted':
    case 'TaskRetrying':
    case 'TaskCompleted':
    case 'TaskFailed':
    case 'TaskCanceled':
      return { is: 'status', status: payload['status'] as TaskStatus }
    default:
      return null
  }
}

function itemOf(payload: LogEvent['payload']): { readonly key: string; readonly status: string } {
  return payload['item'] as { key: string; status: string }
}

/** The result of folding consecutive events of one topic. */
export interface Facts {
  /** The task's final state; null when no event has one. */
  readonly status: TaskStatus | null
  /** Time of the last event that affects the figures; null when there is none. */
  readonly at: string | null
  /** By question: its last start and its completion, if they are among these events. */
  readonly questions: ReadonlyMap<string, { readonly startedAt: string | null; readonly completedAt: string | null }>
  /** By question: whether it is accepted at the end. */
  readonly reviews: ReadonlyMap<string, boolean>
}

/**
 * Folds events of one topic, in order. Idempotent: folding them again, or in two overlapping parts,
 * yields the same.
 */
export function foldFacts(events: readonly Pick<LogEvent, 'type' | 'at' | 'payload'>[]): Facts {
  let status: TaskStatus | null = null
  const questions = new Map<string, { startedAt: string | null; completedAt: string | null }>()
  const reviews = new Map<string, boolean>()
  let at: string | null = null
  const question = (id: string): { startedAt: string | null; completedAt: string | null } => {
    const timing = questions.get(id) ?? { startedAt: null, completedAt: null }
    questions.set(id, timing)
    return timing
  }
  for (const event of events) {
    const fact = factOf(event)
    if (fact !== null && fact.is !== 'started') at = event.at
    switch (fact?.is) {
      case 'status':
        status = fact.status
        break
      case 'started':
        question(fact.questionId).startedAt = fact.at
        break
      case 'completed':
        question(fact.questionId).completedAt = fact.at
        break
      case 'reviewed':
        reviews.set(fact.questionId, fact.isAccepted)
        break
      case undefined:
        break
    }
  }
  return { status, at, questions, reviews }
}
