import { type TaskService, TidingsError } from '../../engine.ts'
import { deleteWithTasks } from '../delete-with-tasks.ts'
import { createOwnedRows, type OwnedRows } from '../owned-rows.ts'
import type { Question, QuestionVersion, Quiz } from './quiz.ts'
import { createReview, type Review, type ReviewOptions } from './review.ts'
import { questionColumns, questionSource, quizColumns, versionColumns } from './rows.ts'
import { createTaking, type Taking } from './taking.ts'
import { createQuizLog } from './updates.ts'

export type { Changes } from './edit.ts'
export type { GivenAnswer } from './taking.ts'

/** Maximum number of quizzes listed per document. */
const maxQuizzesOfDocument = 50

/** Identifies one user's quizzes of a document: see {@link Quizzes.listOfDocuments}. */
export interface DocumentOfOwner {
  readonly owner: string
  readonly documentId: string
}

/**
 * The quizzes of all users. Access is checked by the API. Tasks generate them and replace their
 * questions.
 */
export interface Quizzes extends OwnedRows<Quiz> {
  readonly review: Review
  readonly taking: Taking
  /**
   * Lists quizzes by owner and document: for each pair at most {@link maxQuizzesOfDocument}, newest
   * first.
   */
  listOfDocuments(documents: readonly DocumentOfOwner[]): Promise<readonly (readonly Quiz[])[]>
  /** The finished questions of several quizzes, each in its order. */
  questionsOf(quizIds: readonly string[]): Promise<readonly (readonly Question[])[]>
  questions(ids: readonly string[]): Promise<readonly (Question | null)[]>
  /** The ids of all questions generated from a document. */
  questionIdsOf(documentId: string): Promise<readonly string[]>
  /**
   * Permanently deletes a quiz with its questions, its attempts and the records of its tasks, and
   * cancels active tasks.
   * @returns the ids of the canceled tasks
   * @throws TidingsError `NOT_FOUND`
   */
  delete(owner: string, id: string): Promise<readonly string[]>
  /** All versions of several questions, each newest first. */
  versionsOf(questionIds: readonly string[]): Promise<readonly (readonly QuestionVersion[])[]>
  /** Returns a published quiz; null for any other. */
  published(id: string): Promise<Quiz | null>
  /** The questions of a published quiz: the accepted ones, in order, renumbered. */
  publishedQuestions(id: string): Promise<readonly Question[]>
}

/** Creates the store of quizzes. */
export function createQuizzes(options: ReviewOptions & { readonly tasks: Pick<TaskService, 'erase'> }): Quizzes {
  const { database, appender } = options
  const quizLog = createQuizLog(appender)
  const { pool } = database

  const ownedRows = createOwnedRows<Quiz>(database, 'studio.quiz', quizColumns)
  const questionsOf: Quizzes['questionsOf'] = async (quizIds) => {
    const { rows } = await pool.query<Question>(
      `select ${questionColumns} from ${questionSource} where q.quiz_id = any($1::text[]) order by q.quiz_id, q.place`,
      [quizIds],
    )
    const byQuiz = Map.groupBy(rows, (question) => question.quizId)
    return quizIds.map((id) => byQuiz.get(id) ?? [])
  }
  const published: Quizzes['published'] = async (id) => {
    const [quiz] = await ownedRows.getMany([id])
    return quiz?.status === 'PUBLISHED' ? quiz : null
  }
  const publishedQuestions: Quizzes['publishedQuestions'] = async (id) => {
    const [questions = []] = await questionsOf([id])
    return questions
      .filter(({ acceptedAt }) => acceptedAt !== null)
      .map((question, index) => ({ ...question, position: index + 1 }))
  }

  return {
    ...ownedRows,
    review: createReview(options),
    taking: createTaking(database, { published, questions: publishedQuestions }),
    questionsOf,
    published,
    publishedQuestions,
    async listOfDocuments(documents) {
      const { rows } = await pool.query<Quiz & { place: string }>(
        `select a.place, q.* from unnest($1::text[], $2::text[]) with ordinality as a(for_owner, for_document, place)
         cross join lateral (
           select ${quizColumns} from studio.quiz where document_id = a.for_document and owner = a.for_owner
           order by created_at desc, id desc limit ${maxQuizzesOfDocument}) q
         order by a.place, q."createdAt" desc, q.id desc`,
        [documents.map(({ owner }) => owner), documents.map(({ documentId }) => documentId)],
      )
      const lists: Quiz[][] = documents.map(() => [])
      for (const { place, ...quiz } of rows) lists[Number(place) - 1]?.push(quiz)
      return lists
    },
    async questions(ids) {
      const result = await pool.query<{ quiz_id: string }>(
        'select distinct quiz_id from studio.question where id = any($1::text[])',
        [ids],
      )
      // Selected by the quiz's id, the numbering reads no other quiz; a condition on the question's
      // id would be applied only after numbering.
      const all = await questionsOf(result.rows.map((row) => row.quiz_id))
      const byId = new Map(all.flat().map((question) => [question.id, question]))
      return ids.map((id) => byId.get(id) ?? null)
    },
    async questionIdsOf(documentId) {
      const { rows } = await pool.query<{ id: string }>(
        'select q.id from studio.question q join studio.quiz z on z.id = q.quiz_id where z.document_id = $1',
        [documentId],
      )
      return rows.map((row) => row.id)
    },
    // A transaction that starts a task about the quiz waits for the lock, and then does not find the
    // quiz.
    delete: (owner, id) =>
      deleteWithTasks(options, {
        reason: 'The quiz was deleted.',
        async lock(client) {
          const quiz = await client.query('select from studio.quiz where id = $1 and owner = $2 for update', [
            id,
            owner,
          ])
          if (quiz.rowCount === 0) throw new TidingsError('NOT_FOUND', `There is no quiz "${id}"`, { id })
          const { rows } = await client.query<{ id: string }>('select id from studio.question where quiz_id = $1', [id])
          return [id, ...rows.map((row) => row.id)]
        },
        async remove(client) {
          await client.query('delete from studio.quiz where id = $1', [id])
          await quizLog.append(client, id, { type: 'QuizDeleted', payload: {} })
        },
      }),
    async versionsOf(questionIds) {
      const { rows } = await pool.query<QuestionVersion & { questionId: string }>(
        `select v.question_id as "questionId", ${versionColumns} from studio.question_version v
         where v.question_id = any($1::text[]) and not v.is_draft order by v.version desc`,
        [questionIds],
      )
      const byQuestion = Map.groupBy(rows, ({ questionId }) => questionId)
      return questionIds.map((id) => byQuestion.get(id) ?? [])
    },
  }
}
