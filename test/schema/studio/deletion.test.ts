import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createPruner } from '../../../src/log/event-retention.ts'
import { silentLogger } from '../../../src/logger.ts'
import { pruneTasks } from '../../../src/tasks/worker/task-retention.ts'
import { type QuizApi, startQuizApi, text } from '../../studio/quizzes/quiz-api.ts'
import { viewerOf } from '../../support/api.ts'

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

/** Counts the stored data of tasks: rows, parts, topics and events. */
async function kept(
  taskIds: readonly string[],
): Promise<readonly [tasks: number, items: number, topics: number, events: number]> {
  const { rows } = await api.database.pool.query<Record<'tasks' | 'items' | 'topics' | 'events', number>>(
    `select (select count(*)::int from tidings.task where id = any($1)) as tasks,
       (select count(*)::int from tidings.task_item where task_id = any($1)) as items,
       (select count(*)::int from tidings.topic where name = any($2)) as topics,
       (select count(*)::int from tidings.event where topic = any($2)) as events`,
    [taskIds, taskIds.map((id) => `task:${id}`)],
  )
  const [row] = rows
  if (row === undefined) throw new Error('There is no answer')
  return [row.tasks, row.items, row.topics, row.events]
}
async function tasksAbout(subject: string): Promise<string[]> {
  const { rows } = await api.database.pool.query<{ id: string }>('select id from tidings.task where subject = $1', [
    subject,
  ])
  return rows.map(({ id }) => id)
}
/**
 * Subscribes in the background.
 * @param fromStart - whether past events are also replayed one by one
 */
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
  it('deletes the events of its conversion', async () => {
    const id = await api.importText('# Bread\n\nSome text.')
    const tasks = await tasksAbout(id)
    expect((await kept(tasks)).slice(0, 3)).toEqual([1, 0, 1])
    expect(await api.run(removeDocument, { id })).toEqual({
      result: { __typename: 'DeleteDocumentSuccess', canceledTaskIds: [] },
    })
    expect(await kept(tasks)).toEqual([0, 0, 0, 0])
    await expect(api.watch(watch, { id: tasks[0] }).next()).rejects.toThrow('There is no task')
  })

  it('cancels the quiz being generated from it and the replacements that read it, and notifies their subscribers', async () => {
    const quiz = await api.makeQuiz({ count: 2 })
    const { rows } = await api.database.pool.query<{ document_id: string }>(
      'select document_id from studio.quiz where id = $1',
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
    // The content generated from it remains.
    expect((await api.quiz(second.generateQuiz.quiz.id)).questions).toHaveLength(1)
    expect(await api.quiz(quiz.id)).toMatchObject({ status: 'DRAFT', questions: [{}, {}] })
    api.questions.release()
  })
})

describe('deleting a quiz', () => {
  it('deletes its questions, attempts and the events of its tasks', async () => {
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
    const { rowCount } = await api.database.pool.query('select from studio.question where quiz_id = $1', [quiz.id])
    expect(rowCount).toBe(0)
    expect(await api.run(removeQuiz, { id: quiz.id })).toMatchObject({ result: { __typename: 'NotFoundError' } })
  })

  it('during its generation cancels the task; subscribers are notified, and nothing else of the log remains', async () => {
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
    // A late subscriber finds how it ended.
    const late = follow(taskId)
    await late.ended
    expect(late.seen).toEqual([expect.objectContaining({ __typename: 'TaskSnapshot', status: 'CANCELED' })])
    api.questions.release()
  })
})

describe('a deletion that is interrupted', () => {
  it.each([
    [
      'document',
      `insert into studio.document (id, owner, name, title, format, status, size_bytes, original) values ($1, 'ann', 'a', 'a', 'MARKDOWN', 'READY', 1, 'a')`,
    ],
    [
      'quiz',
      `insert into studio.quiz (id, owner, title, status, requested_count, kinds) values ($1, 'ann', 'a', 'DRAFT', 1, '{CLOZE}')`,
    ],
    ['roadmap', `insert into studio.roadmap (id, owner, title) values ($1, 'ann', 'a')`],
    ['project', `insert into studio.project (id, owner, title, prompt, status) values ($1, 'ann', 'a', 'a', 'READY')`],
  ] as const)('has erased the tasks about the %s, and can be repeated', async (table, insert) => {
    const id = `${table}_interrupted`
    const { pool } = api.database
    const { documents, quizzes, roadmaps, projects } = api.services
    const stores = { quiz: quizzes, roadmap: roadmaps, project: projects }
    const remove = () => (table === 'document' ? documents.delete(id) : stores[table].delete('ann', id))
    const objects = async () => (await pool.query(`select from studio.${table} where id = $1`, [id])).rowCount
    await pool.query(insert, [id])
    const endTask = async (status: 'COMPLETED' | 'FAILED') => {
      const taskId = `task_${status}_${table}`
      await pool.query('insert into tidings.topic (name, closed) values ($1, true)', [`task:${taskId}`])
      await pool.query(
        `insert into tidings.task (id, kind, status, owner, subject, input, max_attempts, progress, queue_key, created_at, finished_at)
         values ($1, 'UNDEFINED_KIND', $2, 'ann', $3, '{}', 1, '{}', now(), now(), now())`,
        [taskId, status, id],
      )
    }
    await endTask('FAILED')
    await pool.query(
      `create function interrupt() returns trigger language plpgsql as $$ begin raise 'interrupted'; end $$;
       create trigger interrupt before delete on studio.${table} for each row execute function interrupt()`,
    )
    await expect(remove()).rejects.toThrow('interrupted')
    await pool.query('drop function interrupt() cascade')
    expect([await objects(), await tasksAbout(id)]).toEqual([1, []])
    await endTask('COMPLETED')
    expect(await remove()).toEqual([])
    expect([await objects(), await tasksAbout(id)]).toEqual([0, []])
  })
})

/** A separate viewer for each test. */
let users = 0
const newViewer = () => viewerOf(`user-${++users}-of-deletion`)
const deleteTask = `mutation ($id: ID!) { result: deleteTask(input: { taskId: $id }) { __typename
  ... on DeleteTaskSuccess { taskId wasCanceled } ... on NotFoundError { id } } }`
const startQuiz = `mutation ($id: ID!) { result: generateQuiz(input: { documentId: $id, questionCount: 4 }) {
  ... on GenerateQuizSuccess { quiz { id } task { id } } } }`
interface StartedQuiz {
  readonly result: { readonly quiz: { readonly id: string }; readonly task: { readonly id: string } }
}
/**
 * Starts a task of a viewer that waits in the middle of its work, and records what a subscriber
 * receives of it.
 */
async function startRunningTask(viewer: ReturnType<typeof viewerOf>, content: string) {
  api.questions.script = (_, made) => (made === 1 ? 'wait' : 'ask')
  const documentId = await api.importText(content, viewer)
  const { result }: StartedQuiz = await api.run(startQuiz, { id: documentId }, viewer)
  const received: { readonly __typename: string }[] = []
  const ended = (async () => {
    const events = api.watch(
      'subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { __typename status } }',
      { id: result.task.id },
      { viewer },
    ) as AsyncGenerator<{ taskProgress: { readonly __typename: string } }>
    for await (const { taskProgress } of events) received.push(taskProgress)
  })()
  await vi.waitFor(() => expect(received).toContainEqual(expect.objectContaining({ __typename: 'TaskItemCompleted' })))
  return { documentId, taskId: result.task.id, quizId: result.quiz.id, received, ended }
}
const ageTask = (id: string, hours: number) =>
  api.database.pool.query(`update tidings.task set finished_at = now() - $2 * interval '1 hour' where id = $1`, [
    id,
    hours,
  ])

describe('deleteTask', () => {
  it('deletes a finished task and its history, and keeps what the task has created', async () => {
    const viewer = newViewer()
    const documentId = await api.importText(text, viewer)
    const [taskId = ''] = await tasksAbout(documentId)
    await ageTask(taskId, 1)
    expect(await api.run(deleteTask, { id: taskId }, newViewer())).toEqual({
      result: { __typename: 'NotFoundError', id: taskId },
    })
    expect(await api.run(deleteTask, { id: taskId }, viewer)).toEqual({
      result: { __typename: 'DeleteTaskSuccess', taskId, wasCanceled: false },
    })
    expect(await kept([taskId])).toEqual([0, 0, 0, 0])
    expect(await api.run('query ($id: ID!) { document(id: $id) { status } }', { id: documentId }, viewer)).toEqual({
      document: { status: 'READY' },
    })
    expect(await api.run(deleteTask, { id: taskId }, viewer)).toMatchObject({ result: { __typename: 'NotFoundError' } })
  })

  it('cancels a running task first: its subscribers receive the end, and its content is deleted at once', async () => {
    const viewer = newViewer()
    const { taskId, received, ended } = await startRunningTask(viewer, text)
    expect(await api.run(deleteTask, { id: taskId }, viewer)).toEqual({
      result: { __typename: 'DeleteTaskSuccess', taskId, wasCanceled: true },
    })
    await ended
    expect(received.at(-1)).toEqual({ __typename: 'TaskCanceled', status: 'CANCELED' })
    expect(await api.run('query ($id: ID!) { task(id: $id) { id } }', { id: taskId }, viewer)).toEqual({ task: null })
    const { rows } = await api.database.pool.query(
      'select owner, subject, input, result from tidings.task where id = $1',
      [taskId],
    )
    expect(rows).toEqual([{ owner: '', subject: null, input: {}, result: null }])
    expect(await kept([taskId])).toEqual([1, 0, 1, 1])
    // The worker has stopped: its late reports are refused.
    api.questions.release()
    await vi.waitFor(() => expect(api.engine.worker?.running).toBe(0))
    expect(await kept([taskId])).toEqual([1, 0, 1, 1])
    // The anonymous row is deleted an hour later, whatever the retention.
    expect(await pruneTasks(api.database, { retentionDays: {}, maxTasks: 100 })).toBe(0)
    await ageTask(taskId, 2)
    expect(await pruneTasks(api.database, { retentionDays: {}, maxTasks: 100 })).toBe(1)
    expect(await kept([taskId])).toEqual([0, 0, 0, 0])
  })
})

describe('a delayed repetition of the start of a deleted task', () => {
  it('starts nothing, and does not keep the name of the owner', async () => {
    const viewer = newViewer()
    const documentId = await api.importText(text, viewer)
    const start = `mutation ($id: ID!, $key: String) { result: generateQuiz(input: { documentId: $id, questionCount: 4, idempotencyKey: $key }) {
      __typename ... on GenerateQuizSuccess { task { id } } } }`
    const startWith = (key: string) =>
      api.run(start, { id: documentId, key }, viewer) as Promise<{ result: { task: { id: string } } }>
    const { result } = await startWith('k')
    await api.run(deleteTask, { id: result.task.id }, viewer)
    expect(await startWith('k')).toEqual({ result: { __typename: 'NotFoundError' } })
    const { rows } = await api.database.pool.query(`select from tidings.idempotency where owner = $1 and key = 'k'`, [
      viewer.userId,
    ])
    expect(rows).toEqual([])
    expect((await startWith('another')).result.task.id).not.toBe(result.task.id)
    // The key is deleted with the anonymous row.
    await ageTask(result.task.id, 2)
    await pruneTasks(api.database, { retentionDays: {}, maxTasks: 100 })
    const { rows: left } = await api.database.pool.query(
      `select key from tidings.idempotency where owner like 'erased %' and key = 'k'`,
    )
    expect(left).toEqual([])
  })
})

describe('the retention of finished tasks', () => {
  it('is set per kind, with a rule for all others, and keeps unfinished tasks', async () => {
    const viewer = newViewer()
    const { documentId, taskId, ended } = await startRunningTask(viewer, text)
    const [conversion = ''] = await tasksAbout(documentId)
    const other = await api.importText('# Other', viewer)
    const [recent = ''] = await tasksAbout(other)
    await ageTask(conversion, 24 * 9)
    await api.database.pool.query(`update tidings.task set created_at = now() - interval '1 year' where id = $1`, [
      taskId,
    ])
    const prune = (retentionDays: Readonly<Record<string, number>>) =>
      pruneTasks(api.database, { retentionDays, maxTasks: 100 })
    expect(await prune({})).toBe(0)
    expect(await prune({ '*': 10 })).toBe(0)
    expect(await prune({ '*': 1, CONVERT_DOCUMENT: 0 })).toBe(0)
    expect(await prune({ '*': 1_000, CONVERT_DOCUMENT: 8 })).toBe(1)
    expect(await kept([conversion])).toEqual([0, 0, 0, 0])
    expect((await kept([recent, taskId]))[0]).toBe(2)
    api.questions.release()
    await ended
    await ageTask(taskId, 24 * 2)
    await ageTask(recent, 24 * 2)
    expect(await prune({ '*': 1 })).toBe(2)
    expect(await kept([recent, taskId])).toEqual([0, 0, 0, 0])
  })

  it('deletes all expired tasks, in several statements', async () => {
    await api.database.pool.query(
      `with made as (insert into tidings.topic (name, closed) select 'task:old_' || n, true from generate_series(1, 450) n)
       insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at, finished_at)
       select 'old_' || n, 'UNDEFINED_KIND', 'FAILED', 'someone', '{}', 1, '{}', now(), now(), now() - interval '3 days'
       from generate_series(1, 450) n`,
    )
    await using pruner = createPruner({
      database: api.database,
      logger: silentLogger,
      everyMs: 3_600_000,
      retentionHours: 100_000,
      idempotencyHours: 100_000,
      others: [(maxTasks) => pruneTasks(api.database, { retentionDays: { '*': 2 }, maxTasks })],
    })
    await pruner.run()
    const { rows } = await api.database.pool.query(`select from tidings.task where kind = 'UNDEFINED_KIND'`)
    expect(rows).toHaveLength(0)
  })
})

describe('deleteUserData', () => {
  const deleteUser = `mutation ($userId: ID!) { result: deleteUserData(input: { userId: $userId }) { __typename
    ... on DeleteUserDataSuccess { userId canceledTaskIds } ... on InvalidInputError { issues { path } } } }`
  const admin = viewerOf('admin-of-deletion', { roles: ['admin'] })

  it('needs the role admin, and the id of a user', async () => {
    const viewer = newViewer()
    const { errors } = await api.execute(deleteUser, { userId: viewer.userId }, viewer)
    expect(errors?.[0]?.originalError).toMatchObject({ code: 'FORBIDDEN' })
    expect(await api.run(deleteUser, { userId: ' ' }, admin)).toEqual({
      result: { __typename: 'InvalidInputError', issues: [{ path: 'input.userId' }] },
    })
  })

  it('leaves nothing in any table that names the user or contains text of the user, and keeps all data of others', async () => {
    const marker = 'walrus-parade'
    const user = newViewer()
    const other = newViewer()
    const { sessions, notifications, quizzes } = api.services
    const { userId } = user
    // Something of every kind, running work, and traces in the data of others.
    await api.makeRoadmap(`# ${marker}\n\n${text}`, user)
    const running = await startRunningTask(user, `# Another ${marker}\n\n${text}`)
    const others = await api.importText(text, other)
    await api.services.documents.share(others, userId)
    // The task that waits already is not affected by the new script.
    api.questions.script = () => 'ask'
    const quiz = await api.makeQuiz({ count: 2 })
    await api.publish(await api.quiz(quiz.id))
    const questions = await quizzes.publishedQuestions(quiz.id)
    await quizzes.taking.submit({
      taker: userId,
      quizId: quiz.id,
      answers: questions.map(({ id }) => ({ questionId: id, answer: 'A' })),
      idempotencyKey: 'once',
    } as never)
    const own = await sessions.membership.create({ owner: userId, clientId: 'a', title: marker })
    const shared = await sessions.membership.create({ owner: other.userId, clientId: 'b', title: 'Bread' })
    await sessions.membership.invite(own.id, userId, other.userId)
    await sessions.membership.invite(shared.id, other.userId, userId)
    const post = (sessionId: string, author: string, body: string) =>
      sessions.messages.send({ sessionId, author, clientId: body, text: body, wantsReply: false, headStartMs: 0 })
    await post(own.id, userId, marker)
    await post(shared.id, userId, marker)
    await post(shared.id, other.userId, 'of the other')
    const note = { kind: 'NOTE', text: marker, title: marker } as const
    await sessions.cards.add({ sessionId: shared.id, userId, clientId: 'card', content: note, isTitleDerived: false })
    await notifications.notify(userId, { level: 'INFORMATION', title: marker } as never)
    api.engine.admin.audit.note('SHARED', { userId, address: '192.0.2.7', userAgent: marker })
    await vi.waitFor(async () => expect(await tablesWith('192.0.2.7')).toEqual(['tidings.audit']))
    expect(await tablesWith(userId)).toEqual(
      expect.arrayContaining(['studio.document', 'studio.roadmap', 'studio.session_message', 'tidings.task']),
    )

    const { result } = (await api.run(deleteUser, { userId }, admin)) as {
      result: { readonly canceledTaskIds: readonly string[] }
    }
    expect(result).toMatchObject({ userId, canceledTaskIds: [running.taskId] })
    await running.ended
    expect(running.received.at(-1)).toEqual({ __typename: 'TaskCanceled', status: 'CANCELED' })
    api.questions.release()
    await vi.waitFor(() => expect(api.engine.worker?.running).toBe(0))
    expect(await tablesWith(marker)).toEqual([])
    expect(await tablesWith('192.0.2.7')).toEqual([])
    // The audit log records the administrator and the deleted user.
    await vi.waitFor(async () => expect(await tablesWith(userId)).toEqual(['tidings.audit']))
    const { rows } = await api.database.pool.query(
      `select event, user_id, subject from tidings.audit where subject like '%' || $1`,
      [userId],
    )
    expect(rows).toEqual([{ event: 'DELETED', user_id: admin.userId, subject: `user:${userId}` }])
    // The data of the other user remains, including the positions of the deleted user's messages.
    const { messages } = await sessions.messages.range(shared.id, { limit: 10, isFromStart: true })
    expect(messages.map(({ author, body }) => [author, body])).toEqual([
      ['(deleted)', ''],
      [other.userId, 'of the other'],
    ])
    expect(await api.run('query ($id: ID!) { document(id: $id) { status } }', { id: others }, other)).toEqual({
      document: { status: 'READY' },
    })
    expect(await api.run(deleteUser, { userId }, admin)).toMatchObject({ result: { canceledTaskIds: [] } })
  })

  /** Returns the tables that contain a text in any column. */
  async function tablesWith(needle: string): Promise<readonly string[]> {
    const { rows: tables } = await api.database.pool.query<{ name: string }>(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
       where table_schema in ('public', 'tidings', 'studio') order by 1`,
    )
    const found: string[] = []
    for (const { name } of tables) {
      const { rows } = await api.database.pool.query<Record<string, unknown>>(`select * from ${name}`)
      const texts = rows.map((row) =>
        JSON.stringify(row, (_, value: unknown) => (isBytes(value) ? Buffer.from(value.data).toString() : value)),
      )
      if (texts.some((row) => row.includes(needle))) found.push(name)
    }
    return found
  }
  const isBytes = (value: unknown): value is { data: number[] } =>
    typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer'
})
