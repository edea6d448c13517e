import type { PoolClient } from 'pg'
import { z } from 'zod'
import { type Database, withTransaction } from '../../db/connect.ts'
import { TidingsError } from '../../errors.ts'
import { defineTask, type TaskContext } from '../../tasks/define-task.ts'
import { FinalError } from '../../tasks/failure.ts'
import { advance, item, stage } from '../../tasks/report.ts'
import { noteReplacement, noteReview } from '../analytics/notes.ts'
import { seedOf, toTaskFailure } from '../content/attempt.ts'
import { isSameQuestion, type Question, type QuestionKind, type QuestionProvider } from '../content/question.ts'
import type { StudioTask } from '../task-results.ts'
import { announceReplacement } from './announce.ts'
import { lockForReview } from './locks.ts'
import { readAsked, readDocument } from './material.ts'

/** The kind of {@link defineReplaceQuestion}. */
export const replaceQuestionKind = 'REPLACE_QUESTION'

const input = z.object({ questionId: z.string(), reason: z.string().trim().max(1_000).optional() })
type Input = z.infer<typeof input>

/** Others may have found the same question at the same time; then another is looked for. */
const maxTries = 8

/**
 * Puts another question in the place of one, swapped when it is ready; until then, and when the task fails or is canceled, the
 * old one stays. The new one differs from everything that its quiz asks or ever asked. Subject and only item: the question.
 */
export function defineReplaceQuestion(provider: QuestionProvider): StudioTask<Input> {
  return defineTask({
    kind: replaceQuestionKind,
    input,
    attempts: 5,
    concurrency: 4,
    stages: { reading: 10, asking: 80, swapping: 10 },
    async begin(client, { questionId }, { taskId, owner }) {
      const { quiz, place } = await lockForReview(client, questionId, owner)
      if (quiz.documentId === null)
        throw new TidingsError(
          'CONFLICT',
          `The document of quiz "${quiz.id}" was deleted, so nothing else can be asked of it; edit the question instead`,
        )
      await noteReplacement(client, { taskId, quizId: quiz.id })
      return { subject: questionId, items: [{ key: questionId, label: `Question ${place}` }] }
    },
    run: (context) => run(context, provider),
    announce: (client, { questionId }, ending) => announceReplacement(client, questionId, ending),
    async settle(client, _, { taskId, status }) {
      if (status !== 'COMPLETED')
        await client.query('delete from question_version where task_id = $1 and is_draft', [taskId])
    },
  })
}

interface Place {
  readonly quiz_id: string
  readonly document_id: string | null
  readonly kinds: QuestionKind[]
  readonly body: Question
  /** Found by an earlier attempt that did not come to swap it. */
  readonly draft: number | null
}

async function* run(
  { taskId, input: { questionId, reason }, database, appender, signal }: TaskContext<Input>,
  provider: QuestionProvider,
) {
  yield stage('reading', 0, 'Reading the document')
  yield item.started(questionId)
  const place = await readPlace(database, questionId, taskId)
  let version = place.draft
  if (version === null) {
    const document = await readDocument(database, place.document_id)
    yield stage('asking', 0, 'Looking for another question')
    // The same kind first: the quiz is to stay as it was mixed.
    const orders = [[place.body.kind], place.kinds.filter((kind) => kind !== place.body.kind)]
    for (let attempt = 1; attempt <= maxTries && version === null; attempt += 1) {
      const avoid = await readAsked(database.pool, place.quiz_id)
      const request = {
        ...document,
        avoid,
        count: 1,
        reason,
        nearSection: place.body.citation.sectionKey,
        seed: seedOf(questionId, avoid.length, attempt),
        signal,
      }
      const found = await findFirst(provider, request, orders)
      if (found === undefined)
        throw new FinalError('NO_OTHER_QUESTION', 'The document yields no other question that was not asked before.', {
          advice: 'Edit the question, or leave it out of the quiz by not accepting it.',
        })
      version = await reserve(database, { ...place, questionId, taskId, reason, found })
      if (version === null) yield advance({ message: 'Another replacement found the same; looking further' })
    }
  }
  if (version === null)
    throw new FinalError('NO_OTHER_QUESTION', 'Other replacements took every question that was found.', {
      advice: 'Try again when they are done.',
    })
  const swapped = version
  yield stage('swapping', 0, 'Putting it in its place')
  yield item.completed(questionId, async (client) => {
    await swap(client, questionId, swapped)
    await noteReview(client, appender, { quizId: place.quiz_id, questionId, version: swapped, isAccepted: false })
  })
  return { type: 'QuestionReplaced' as const, quizId: place.quiz_id, questionId, version }
}

async function findFirst(
  provider: QuestionProvider,
  request: Omit<Parameters<QuestionProvider['ask']>[0], 'kinds'>,
  orders: readonly (readonly QuestionKind[])[],
): Promise<Question | undefined> {
  try {
    for (const kinds of orders) {
      if (kinds.length === 0) continue
      for await (const question of provider.ask({ ...request, kinds })) return question
    }
    return undefined
  } catch (error) {
    throw toTaskFailure(error)
  }
}

async function readPlace({ pool }: Database, questionId: string, taskId: string): Promise<Place> {
  const { rows } = await pool.query<Place>(
    `select q.quiz_id, z.document_id, z.kinds, v.body,
       (select version from question_version where task_id = $2 and is_draft limit 1) as draft
     from question q join quiz z on z.id = q.quiz_id
     join question_version v on v.question_id = q.id and v.version = q.version where q.id = $1`,
    [questionId, taskId],
  )
  const [place] = rows
  if (place === undefined)
    throw new FinalError('QUIZ_DELETED', 'The quiz was deleted meanwhile.', { advice: 'Make a new one.' })
  return place
}

/**
 * Notes a question as the one that will stand in its place, unless the quiz has it by now. Whoever looks at the same time waits
 * for the quiz, so of two that found the same, one has it.
 *
 * @returns its version; null when it is no longer new
 */
function reserve(
  database: Database,
  {
    quiz_id: quizId,
    questionId,
    taskId,
    reason,
    found,
  }: Place & { questionId: string; taskId: string; reason: string | undefined; found: Question },
): Promise<number | null> {
  return withTransaction(database, async (client) => {
    await client.query('select 1 from quiz where id = $1 for no key update', [quizId])
    const asked = await readAsked(client, quizId)
    if (asked.some((one) => isSameQuestion(one, found))) return null
    // An attempt that lost its lease leaves nothing behind that nobody would clear away.
    const { rows } = await client.query<{ version: number }>(
      `insert into question_version (question_id, version, parent, origin, is_draft, task_id, reason, body)
       select q.id, (select max(version) + 1 from question_version where question_id = q.id), q.version, 'REPLACED', true, $2, $3, $4
       from question q where q.id = $1 and exists (select 1 from task where id = $2 and status = 'RUNNING')
       returning version`,
      [questionId, taskId, reason ?? null, JSON.stringify(found)],
    )
    return rows[0]?.version ?? null
  })
}

async function swap(client: PoolClient, questionId: string, version: number): Promise<void> {
  await client.query(
    'update question_version set is_draft = false, created_at = now() where question_id = $1 and version = $2',
    [questionId, version],
  )
  await client.query('update question set version = $2 where id = $1', [questionId, version])
}
