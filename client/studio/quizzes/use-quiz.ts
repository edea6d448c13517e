import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { QuizReviewDocument, type QuizReviewQuery } from '../../gql/graphql.ts'
import { useManyTasks } from '../../react/use-many-tasks.ts'
import type { TaskState } from '../../reduce/task-state.ts'
import { useFetched } from '../use-fetched.ts'

/** A quiz as fetched by its owner. */
export type Quiz = NonNullable<QuizReviewQuery['quiz']>
/** One of its questions. */
export type Question = Quiz['questions'][number]

/** A quiz and the tasks that work on it. */
export interface LiveQuiz {
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
 * Keeps a quiz up to date from the events of its tasks: fetches it again whenever a question is
 * ready, as reported by an item of its task, and when a task is finished.
 */
export function useQuiz(id: string): LiveQuiz {
  const { data, isLoading, failure, refetch } = useFetched(QuizReviewDocument, { id })
  const quiz = data?.quiz ?? null

  const [started, setStarted] = useState<readonly Started[]>([])
  const watch = useCallback((taskId: string, questionId?: string) => {
    setStarted((known) =>
      known.some((one) => one.taskId === taskId) ? known : [...known, { taskId, questionId: questionId ?? null }],
    )
  }, [])
  useEffect(() => {
    if (quiz?.activeTask) watch(quiz.activeTask.id)
    for (const { id: questionId, activeTask } of quiz?.questions ?? [])
      if (activeTask !== null) watch(activeTask.id, questionId)
  }, [quiz, watch])

  const states = useManyTasks(started.map(({ taskId }) => taskId))
  const ready = started.reduce((sum, { taskId }) => {
    const state = states.get(taskId)
    return sum + (state?.progress.completedItems ?? 0) + (state?.isOver === true ? 1 : 0)
  }, 0)
  const seen = useRef(0)
  useEffect(() => {
    if (ready === seen.current) return
    seen.current = ready
    refetch()
  }, [ready, refetch])

  const { making, replacing } = useMemo(() => {
    const replaced = new Map<string, TaskState>()
    let maker: TaskState | null = null
    for (const { taskId, questionId } of started) {
      const state = states.get(taskId)
      if (state === undefined) continue
      if (questionId === null) maker = state
      else replaced.set(questionId, state)
    }
    return { making: maker, replacing: replaced }
  }, [started, states])
  return { quiz, isLoading, failure, making, replacing, watch, refetch }
}

interface Started {
  readonly taskId: string
  /** Null for the task that generates the quiz. */
  readonly questionId: string | null
}
