import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type QuizApi, startQuizApi } from '../studio/quizzes/quiz-api.ts'
import { viewerOf } from '../support/api.ts'

const removeDocument = `mutation ($id: ID!) { result: deleteDocument(input: { documentId: $id }) { __typename
  ... on DeleteDocumentSuccess { canceledTaskIds } } }`
const removeQuiz = `mutation ($id: ID!) { result: deleteQuiz(input: { quizId: $id }) { __typename
  ... on DeleteQuizSuccess { id canceledTaskIds } } }`
const watch = `subscription ($id: ID!, $fromStart: Boolean) {
  taskProgress(taskId: $id, fromStart: $fromStart) { __typename status ... on TaskCanceled { cancelReason task { id status cancelReason } } } }`
interface Result {
  readonly result: { readonly __typename: string; readonly canceledTaskIds: readonly string[] }
}

let api: QuizApi
beforeAll(async () => {
  api = await startQuizApi()
})
afterAll(() => api[Symbol.asyncDispose]())
beforeEach(() => {
  api.questions.script = () => 'ask'
})

/** What is kept of tasks: rows, parts, topics and events. */
async function kept(
  taskIds: readonly string[],
): Promise<readonly [tasks: number, items: number, topics: number, events: number]> {
  const { rows } = await api.database.pool.query<Record<'tasks' | 'items' | 'topics' | 'events', number>>(
    `select (select count(*)::int from task where id = any($1)) as tasks,
       (select count(*)::int from task_item where task_id = any($1)) as items,
       (select count(*)::int from topic where name = any($2)) as topics,
       (select count(*)::int from event where topic = any($2)) as events`,
    [taskIds, taskIds.map((id) => `task:${id}`)],
  )
  const [row] = rows
  if (row === undefined) throw new Error('There is no answer')
  return [row.tasks, row.items, row.topics, row.events]
}
async function tasksAbout(subject: string): Promise<string[]> {
  const { rows } = await api.database.pool.query<{ id: string }>('select id from task where subject = $1', [subject])
  return rows.map(({ id }) => id)
}
/** Watches in the background. @param fromStart - whether what has happened already is seen event by event, too */
function follow(id: string, fromStart = false): { readonly seen: unknown[]; readonly ended: Promise<void> } {
  const seen: unknown[] = []
  const ended = (async () => {
    for await (const { taskProgress } of api.watch(watch, { id, fromStart }) as AsyncGenerator<{
      taskProgress: unknown
    }>)
      seen.push(taskProgress)
  })()
  return { seen, ended }
}

describe('deleting a document', () => {
  it('takes along what its conversion has logged', async () => {
    const id = await api.importText('# Bread\n\nSome text.')
    const tasks = await tasksAbout(id)
    expect((await kept(tasks)).slice(0, 3)).toEqual([1, 0, 1])
    expect(await api.run(removeDocument, { id })).toEqual({
      result: { __typename: 'DeleteDocumentSuccess', canceledTaskIds: [] },
    })
    expect(await kept(tasks)).toEqual([0, 0, 0, 0])
    await expect(api.watch(watch, { id: tasks[0] }).next()).rejects.toThrow('There is no task')
  })

  it('cancels the quiz that is being made of it, the replacements that read it, and says so to those who watch', async () => {
    const quiz = await api.makeQuiz({ count: 2 })
    const { rows } = await api.database.pool.query<{ document_id: string }>(
      'select document_id from quiz where id = $1',
      [quiz.id],
    )
    const documentId = rows[0]?.document_id
    api.questions.script = (_, made) => (made === 1 ? 'wait' : 'ask')
    const second: { generateQuiz: { quiz: { id: string }; task: { id: string } } } = await api.run(
      'mutation ($id: ID!) { generateQuiz(input: { documentId: $id, questionCount: 4 }) { ... on GenerateQuizSuccess { quiz { id } task { id } } } }',
      { id: documentId },
    )
    const making = second.generateQuiz.task.id
    const watching = follow(making, true)
    await vi.waitFor(() =>
      expect(watching.seen).toContainEqual(expect.objectContaining({ __typename: 'TaskItemCompleted' })),
    )
    api.questions.script = () => 'wait'
    const replacing = (await api.replace(quiz.questions[0]?.id ?? '')).task.id
    const { result }: Result = await api.run(removeDocument, { id: documentId })
    expect([...result.canceledTaskIds].sort()).toEqual([making, replacing].sort())
    await watching.ended
    expect(watching.seen.at(-1)).toEqual({
      __typename: 'TaskCanceled',
      status: 'CANCELED',
      cancelReason: 'The document was deleted.',
      task: { id: making, status: 'CANCELED', cancelReason: 'The document was deleted.' },
    })
    // What was made of it stays.
    expect((await api.quiz(second.generateQuiz.quiz.id)).questions).toHaveLength(1)
    expect(await api.quiz(quiz.id)).toMatchObject({ status: 'DRAFT', questions: [{}, {}] })
    api.questions.release()
  })
})

describe('deleting a quiz', () => {
  it('takes along its questions, how it was taken, and what its tasks have logged', async () => {
    const quiz = await api.makeQuiz({ count: 3 })
    const { task } = await api.replace(quiz.questions[0]?.id ?? '')
    await api.end(task.id)
    await api.publish(await api.quiz(quiz.id))
    const tasks = [...(await tasksAbout(quiz.id)), task.id]
    expect((await kept(tasks))[0]).toBe(2)
    expect(await api.run(removeQuiz, { id: quiz.id }, viewerOf('eve'))).toMatchObject({
      result: { __typename: 'NotFoundError' },
    })
    expect(await api.run(removeQuiz, { id: quiz.id })).toEqual({
      result: { __typename: 'DeleteQuizSuccess', id: quiz.id, canceledTaskIds: [] },
    })
    expect(await kept(tasks)).toEqual([0, 0, 0, 0])
    expect(await api.quiz(quiz.id)).toBeNull()
    const { rowCount } = await api.database.pool.query('select from question where quiz_id = $1', [quiz.id])
    expect(rowCount).toBe(0)
    expect(await api.run(removeQuiz, { id: quiz.id })).toMatchObject({ result: { __typename: 'NotFoundError' } })
  })

  it('in the middle of its making cancels that; who watches is told, and of the log nothing else is kept', async () => {
    api.questions.script = (_, made) => (made === 1 ? 'wait' : 'ask')
    const { quizId, taskId } = await api.startQuiz({ count: 4 })
    const watching = follow(taskId, true)
    await vi.waitFor(() =>
      expect(watching.seen).toContainEqual(expect.objectContaining({ __typename: 'TaskItemCompleted' })),
    )
    expect(await api.run(removeQuiz, { id: quizId })).toMatchObject({ result: { canceledTaskIds: [taskId] } })
    await watching.ended
    expect(watching.seen.at(-1)).toEqual({
      __typename: 'TaskCanceled',
      status: 'CANCELED',
      cancelReason: 'The quiz was deleted.',
      task: { id: taskId, status: 'CANCELED', cancelReason: 'The quiz was deleted.' },
    })
    expect((await kept([taskId]))[3]).toBe(1)
    // Whoever comes later finds how it ended.
    const late = follow(taskId)
    await late.ended
    expect(late.seen).toEqual([expect.objectContaining({ __typename: 'TaskSnapshot', status: 'CANCELED' })])
    api.questions.release()
  })
})
