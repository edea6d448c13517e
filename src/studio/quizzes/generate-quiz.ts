import type { PoolClient } from 'pg'
import { typeid } from 'typeid-js'
import { z } from 'zod'
import {
  advance,
  createTaskDefinition,
  type Ending,
  FinalError,
  findActiveTask,
  item,
  type Report,
  stage,
  type TaskContext,
  TidingsError,
} from '../../engine.ts'
import { noteQuiz } from '../analytics/notes.ts'
import { seedOf, toTaskFailure } from '../content/attempt.ts'
import type { Question, QuestionKind, QuestionProvider } from '../content/question.ts'
import { lockReadyDocument } from '../ready-document.ts'
import type { StudioTask } from '../task-results.ts'
import { announceQuiz } from './announce.ts'
import { readAsked, readDocument } from './material.ts'
import type { QuizLog } from './updates.ts'

/** The kind of {@link defineGenerateQuiz}. */
export const generateQuizKind = 'GENERATE_QUIZ'
/** Maximum number of questions per quiz. */
const maxQuestionCount = 50

const kind = z.enum(['MULTIPLE_CHOICE', 'CLOZE', 'TRUE_FALSE'])
const input = z.object({
  documentId: z.string(),
  questionCount: z.number().int().min(1).max(maxQuestionCount),
  kinds: z
    .array(kind)
    .min(1)
    .transform((kinds) => [...new Set(kinds)]),
})
type Input = z.infer<typeof input>

/**
 * Returns the id of the quiz that a task of this kind creates: its subject. One task, one quiz,
 * also across attempts.
 */
function quizIdOf(taskId: string): string {
  return taskId.replace(/^task_/, 'quiz_')
}

/**
 * Generates a quiz from a document, question by question. Subject: the quiz; items: its questions,
 * each readable once it is completed. A retry generates the missing questions.
 */
export function defineGenerateQuiz(provider: QuestionProvider, quizLog: QuizLog): StudioTask<Input> {
  return createTaskDefinition({
    kind: generateQuizKind,
    input,
    attempts: 5,
    concurrency: 2,
    stages: { reading: 5, asking: 95 },
    async begin(client, request, { taskId, owner, retriedSubject }) {
      const { title } = await lockReadyDocument(client, request.documentId, owner, 'ask about')
      const quizId = retriedSubject ?? quizIdOf(taskId)
      const missing =
        retriedSubject === null
          ? await insertQuiz(client, quizId, owner, title, request)
          : await reopenQuiz(client, quizId, owner)
      const completedCount = request.questionCount - missing
      const items = Array.from({ length: missing }, (_, index) => ({
        key: typeid('question').toString(),
        label: `Question ${completedCount + index + 1}`,
      }))
      await client.query(
        `insert into studio.question (id, quiz_id, position)
         select id, $1, (select coalesce(max(position), 0) from studio.question where quiz_id = $1) + ord
         from unnest($2::text[]) with ordinality as i(id, ord)`,
        [quizId, items.map(({ key }) => key)],
      )
      await noteQuiz(client, { taskId, owner, quizId, documentId: request.documentId, title })
      await quizLog.append(client, quizId, { type: 'QuizTaskStarted', payload: { taskId, questionId: null } })
      return { subject: quizId, items }
    },
    run: (context) => run(context, provider, quizLog),
    settle: (client, _, ending) => settle(client, quizLog, ending),
    announce: (client, _, ending) => announceQuiz(client, ending),
  })
}

async function* run(context: TaskContext<Input>, provider: QuestionProvider, quizLog: QuizLog) {
  const { taskId, database, signal, items, attempt } = context
  const { documentId, kinds, questionCount: requestedCount } = context.input
  yield stage('reading', 0, 'Reading the document')
  const [document, quizId] = await Promise.all([readDocument(database, documentId), readSubject(context)])
  const previousQuestions = await readAsked(database.pool, quizId)
  const open = items.filter(({ status }) => status !== 'COMPLETED' && status !== 'SKIPPED').map(({ key }) => key)
  const questions = provider.ask({
    ...document,
    count: open.length,
    kinds: turnedBy(kinds, previousQuestions.length),
    avoid: previousQuestions,
    // The seed differs per attempt, so that a failure caused by it is not repeated.
    seed: seedOf(taskId, attempt),
    signal,
  })
  let completedCount = previousQuestions.length
  const next = function* (key: string | undefined): Generator<Report, void, void> {
    if (key === undefined) return
    yield advance({ message: `Question ${completedCount + 1} of ${requestedCount}` })
    yield item.started(key)
  }
  yield stage('asking', 0, `Question ${completedCount + 1} of ${requestedCount}`)
  yield* next(open[0])
  const rest = [...open]
  try {
    for await (const question of questions) {
      const key = rest.shift()
      if (key === undefined) break
      yield item.completed(key, async (client) => {
        await storeFirst(client, key, taskId, question)
        await quizLog.append(client, quizId, {
          type: 'QuizQuestionChanged',
          payload: { questionId: key, version: 1, isAccepted: false, cause: 'GENERATED' },
        })
      })
      completedCount += 1
      yield* next(rest[0])
    }
  } catch (error) {
    throw toTaskFailure(error)
  }
  if (completedCount === 0)
    throw new FinalError('NOT_ENOUGH_TEXT', 'The document says nothing that could be asked for.', {
      advice: 'Choose a document with whole sentences, or other kinds of questions.',
    })
  for (const key of rest) yield item.skipped(key)
  const message = noteOf(completedCount, requestedCount)
  if (message !== null) yield advance({ message })
  return { type: 'QuizGenerated' as const, quizId, questionCount: completedCount, requestedCount, message }
}

/** The rotation of kinds continues where an earlier attempt stopped. */
function turnedBy(kinds: readonly QuestionKind[], by: number): QuestionKind[] {
  const turn = by % kinds.length
  return [...kinds.slice(turn), ...kinds.slice(0, turn)]
}

function noteOf(completedCount: number, requested: number): string | null {
  if (completedCount >= requested) return null
  return `The document yields only ${completedCount} of the ${requested} questions asked for: more would have been bad ones, or the same again.`
}

async function readSubject({ database, taskId }: TaskContext<Input>): Promise<string> {
  const { rows } = await database.pool.query<{ subject: string }>('select subject from tidings.task where id = $1', [
    taskId,
  ])
  const subject = rows[0]?.subject
  if (subject === undefined) throw new Error(`Task "${taskId}" has no quiz`)
  return subject
}

async function insertQuiz(
  client: PoolClient,
  quizId: string,
  owner: string,
  title: string,
  { documentId, questionCount, kinds }: Input,
): Promise<number> {
  await client.query(
    `insert into studio.quiz (id, owner, document_id, title, status, requested_count, kinds)
     values ($1, $2, $3, $4, 'GENERATING', $5, $6)`,
    [quizId, owner, documentId, title, questionCount, kinds],
  )
  return questionCount
}

/**
 * Returns the number of missing questions.
 * @throws TidingsError `CONFLICT`, `NOT_FOUND`
 */
async function reopenQuiz(client: PoolClient, quizId: string, owner: string): Promise<number> {
  const { rows } = await client.query<{ status: string; requested_count: number }>(
    'select status, requested_count from studio.quiz where id = $1 and owner = $2 for no key update',
    [quizId, owner],
  )
  const [quiz] = rows
  if (quiz === undefined) throw new TidingsError('NOT_FOUND', `There is no quiz "${quizId}"`, { id: quizId })
  if (quiz.status === 'GENERATING')
    throw new TidingsError('CONFLICT', `Quiz "${quizId}" is being made already`, {
      taskId: (await findActiveTask(client, [quizId]))?.id,
    })
  if (quiz.status === 'PUBLISHED')
    throw new TidingsError('CONFLICT', `Quiz "${quizId}" is published and takes no more questions`)
  const { rowCount } = await client.query('select 1 from studio.question where quiz_id = $1', [quizId])
  const missing = quiz.requested_count - (rowCount ?? 0)
  if (missing <= 0) throw new TidingsError('CONFLICT', `Quiz "${quizId}" has all its questions`)
  await client.query(`update studio.quiz set status = 'GENERATING', error = null, note = null where id = $1`, [quizId])
  return missing
}

async function storeFirst(client: PoolClient, questionId: string, taskId: string, body: Question): Promise<void> {
  await client.query(
    `insert into studio.question_version (question_id, version, origin, task_id, body) values ($1, 1, 'GENERATED', $2, $3)`,
    [questionId, taskId, JSON.stringify(body)],
  )
  await client.query('update studio.question set version = 1 where id = $1', [questionId])
}

/** Finished questions are kept, whatever the task's status; slots without a question are deleted. */
async function settle(client: PoolClient, quizLog: QuizLog, { taskId, status, error }: Ending): Promise<void> {
  const quizzes = await client.query<{ id: string; requested_count: number }>(
    `select z.id, z.requested_count from studio.quiz z join tidings.task t on t.subject = z.id where t.id = $1 for no key update of z`,
    [taskId],
  )
  const [quiz] = quizzes.rows
  if (quiz === undefined) return
  await client.query('delete from studio.question where quiz_id = $1 and version is null', [quiz.id])
  const { rowCount } = await client.query('select 1 from studio.question where quiz_id = $1', [quiz.id])
  const completedCount = rowCount ?? 0
  const why = status === 'CANCELED' ? 'Canceled' : 'Failed'
  const note =
    status === 'COMPLETED'
      ? noteOf(completedCount, quiz.requested_count)
      : `${why} after ${completedCount} of ${quiz.requested_count} questions; retry the task to have the others.`
  const failure = status === 'COMPLETED' ? null : (error ?? canceled)
  const quizStatus = completedCount === 0 ? 'FAILED' : 'DRAFT'
  await client.query(
    `update studio.quiz set status = $2, note = $3, error = $4 where id = $1 and status = 'GENERATING'`,
    [quiz.id, quizStatus, note, failure === null ? null : JSON.stringify(failure)],
  )
  await quizLog.append(
    client,
    quiz.id,
    { type: 'QuizTaskEnded', payload: { taskId, questionId: null, status } },
    { type: 'QuizStatusChanged', payload: { status: quizStatus } },
  )
}

const canceled = {
  code: 'CANCELED',
  message: 'Making the quiz was canceled.',
  retryable: false,
  advice: 'Retry the task to have the questions after all.',
}
