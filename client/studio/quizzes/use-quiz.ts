import { useCallback, useEffect, useMemo, useState } from 'react'
import { QuizReviewDocument, type QuizReviewQuery, QuizUpdatesDocument } from '../../gql/graphql.ts'
import type { TaskState } from '../../index.ts'
import { useLive, useManyTasks } from '../../react/index.ts'
import { hasErrorCode, useFetched } from '../use-fetched.ts'
import { markOf, type QuizTask, reduceQuizNews } from './quiz-news.ts'

/** A quiz as fetched by its owner. */
export type Quiz = NonNullable<QuizReviewQuery['quiz']>
/** One of its questions. */
export type Question = Quiz['questions'][number]

/** A quiz and the tasks that work on it. */
interface LiveQuiz {
  /** Null while it is being fetched, and when it does not exist. */
  readonly quiz: Quiz | null
  readonly isLoading: boolean
  readonly failure: string | null
  /** The task that generates it, or generated it while this page was open. */
  readonly making: TaskState | null
  /** The newest replacement task of each question, by question id. */
  readonly replacing: ReadonlyMap<string, TaskState>
  /**
   * Watches a task that this page has just started; without a question, the one that generates the
   * quiz.
   */
  readonly watch: (taskId: string, questionId?: string) => void
  readonly refetch: () => void
}

/**
 * Keeps a quiz up to date from its own events, which report the changes of all tabs and contain its
 * task ids, and from the events of those tasks. Fetches it again when the events report a state
 * that differs from the fetched one.
 */
export function useQuiz(id: string): LiveQuiz {
  const { data, isLoading, failure, refetch } = useFetched(QuizReviewDocument, { id }, { isNotified: true })
  const quiz = data?.quiz ?? null
  const { state: news, error } = useLive(QuizUpdatesDocument, { quizId: id }, reduceQuizNews)

  const isFetched = quiz !== null
  const fetchedTasks = useMemo(
    () =>
      quiz === null
        ? null
        : markOf({
            ...quiz,
            questions: quiz.questions.map(({ id: questionId, ...rest }) => ({ questionId, ...rest })),
          }),
    [quiz],
  )
  // A subscription resumed after the deletion is refused.
  const isDeleted = news?.isDeleted === true || hasErrorCode(error, 'NOT_FOUND')
  const reportedMark = isDeleted ? 'deleted' : news === undefined ? null : markOf(news)
  // Only new reports are compared: fetched data that is newer than the events is not outdated.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    if (isFetched && reportedMark !== null && reportedMark !== fetchedTasks) refetch()
  }, [reportedMark, isFetched, refetch])

  const [started, setStarted] = useState<readonly QuizTask[]>([])
  const watch = useCallback((taskId: string, questionId?: string) => {
    setStarted((previous) =>
      previous.some((task) => task.taskId === taskId)
        ? previous
        : [...previous, { taskId, replacedQuestionId: questionId ?? null }],
    )
  }, [])
  const tasks = news?.tasks
  useEffect(() => {
    for (const { taskId, replacedQuestionId } of tasks ?? []) watch(taskId, replacedQuestionId ?? undefined)
  }, [tasks, watch])

  const states = useManyTasks(started.map(({ taskId }) => taskId))
  const { making, replacing } = useMemo(() => {
    const replacements = new Map<string, TaskState>()
    let maker: TaskState | null = null
    for (const { taskId, replacedQuestionId } of started) {
      const state = states.get(taskId)
      if (state === undefined) continue
      if (replacedQuestionId === null) maker = state
      else replacements.set(replacedQuestionId, state)
    }
    return { making: maker, replacing: replacements }
  }, [started, states])
  return { quiz, isLoading, failure, making, replacing, watch, refetch }
}
