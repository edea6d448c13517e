import type { QuizUpdatesSubscription } from '../../gql/graphql.ts'

/** A task that works on a quiz. */
export interface QuizTask {
  readonly taskId: string
  /** Null for the task that generates the quiz. */
  readonly replacedQuestionId: string | null
}

/** The version of a question. */
interface QuestionMark {
  readonly questionId: string
  readonly version: number
  readonly isAccepted: boolean
}

/** The state of a quiz folded from its events: enough to know whether fetched data is outdated. */
export interface QuizNews {
  readonly status: string
  /** In the order of the quiz. */
  readonly questions: readonly QuestionMark[]
  /** All tasks that have worked on it since it is watched, including finished ones, oldest first. */
  readonly tasks: readonly QuizTask[]
  readonly isDeleted: boolean
}

const empty: QuizNews = { status: '', questions: [], tasks: [], isDeleted: false }

/** Folds one event into the state. */
export function reduceQuizNews(state: QuizNews | undefined, { quizUpdates: event }: QuizUpdatesSubscription): QuizNews {
  const before = state ?? empty
  switch (event.__typename) {
    case 'QuizSnapshot':
      return {
        status: event.quizStatus,
        questions: event.questions,
        tasks: event.activeTasks.reduce(withTask, before.tasks),
        isDeleted: false,
      }
    case 'QuizTaskStarted': {
      const { taskId, replacedQuestionId } = event
      const tasks = withTask(before.tasks, { taskId, replacedQuestionId })
      return { ...before, tasks, ...(replacedQuestionId === null ? { status: 'GENERATING' } : {}) }
    }
    case 'QuizQuestionChanged': {
      const { questionId, version, isAccepted } = event
      const mark = { questionId, version, isAccepted }
      const isKnown = before.questions.some((question) => question.questionId === questionId)
      const questions = isKnown
        ? before.questions.map((question) => (question.questionId === questionId ? mark : question))
        : [...before.questions, mark]
      return { ...before, questions }
    }
    case 'QuizReordered': {
      const byId = new Map(before.questions.map((question) => [question.questionId, question]))
      return { ...before, questions: event.questionIds.flatMap((id) => byId.get(id) ?? []) }
    }
    case 'QuizStatusChanged':
      return { ...before, status: event.quizStatus }
    case 'QuizDeleted':
      return { ...before, isDeleted: true }
    case 'QuizTaskEnded':
    case 'QuizOther':
      break
  }
  // Also for the types of a newer server.
  return before
}

function withTask(tasks: readonly QuizTask[], { taskId, replacedQuestionId }: QuizTask): readonly QuizTask[] {
  return tasks.some((task) => task.taskId === taskId) ? tasks : [...tasks, { taskId, replacedQuestionId }]
}

/** Describes the state that events and fetched data have in common, for comparison. */
export function markOf({ status, questions }: Pick<QuizNews, 'status' | 'questions'>): string {
  return [
    status,
    ...questions.map(({ questionId, version, isAccepted }) => `${questionId} ${version} ${isAccepted}`),
  ].join()
}
