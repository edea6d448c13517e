import { describe, expect, it } from 'vitest'
import type { QuizUpdatesSubscription } from '../../../client/gql/graphql.ts'
import { markOf, type QuizNews, reduceQuizNews } from '../../../client/studio/quizzes/quiz-news.ts'

type News = QuizUpdatesSubscription['quizUpdates']
const place = { cursor: 'c', seq: 1, quizId: 'quiz_1' }
const mark = (questionId: string, version = 1, isAccepted = false) => ({ questionId, version, isAccepted })
const snapshot: News = {
  __typename: 'QuizSnapshot',
  ...place,
  reason: 'SUBSCRIBED',
  quizStatus: 'DRAFT',
  questions: [mark('a'), mark('b')],
  activeTasks: [{ taskId: 't1', replacedQuestionId: 'a' }],
}
const fold = (...events: News[]): QuizNews | undefined =>
  events.reduce<QuizNews | undefined>((state, quizUpdates) => reduceQuizNews(state, { quizUpdates }), undefined)
const changed = (questionId: string, version: number, isAccepted: boolean): News => ({
  __typename: 'QuizQuestionChanged',
  ...place,
  ...mark(questionId, version, isAccepted),
})

describe('the events of a quiz', () => {
  it('fold to the state that a fetch after them returns', () => {
    const state = fold(
      snapshot,
      changed('a', 2, true),
      changed('c', 1, false),
      { __typename: 'QuizReordered', ...place, questionIds: ['c', 'a', 'b'] },
      { __typename: 'QuizStatusChanged', ...place, quizStatus: 'PUBLISHED' },
    )
    const fetched = { status: 'PUBLISHED', questions: [mark('c'), mark('a', 2, true), mark('b')] }
    expect(state && markOf(state)).toBe(markOf(fetched))
    expect(state && markOf(state)).not.toBe(markOf({ ...fetched, questions: fetched.questions.toReversed() }))
  })

  it('name each task once, also across a snapshot, and the generating task changes the status', () => {
    const state = fold(
      snapshot,
      { __typename: 'QuizTaskStarted', ...place, taskId: 't2', replacedQuestionId: null },
      { __typename: 'QuizTaskStarted', ...place, taskId: 't1', replacedQuestionId: 'a' },
      snapshot,
    )
    expect(state?.tasks.map(({ taskId }) => taskId)).toEqual(['t1', 't2'])
    expect(
      fold(snapshot, { __typename: 'QuizTaskStarted', ...place, taskId: 't2', replacedQuestionId: null })?.status,
    ).toBe('GENERATING')
  })

  it('report the deletion', () => {
    expect(fold(snapshot, { __typename: 'QuizDeleted', ...place })?.isDeleted).toBe(true)
  })
})
