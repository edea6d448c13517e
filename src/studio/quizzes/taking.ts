import { typeid } from 'typeid-js'
import { checkIdempotencyKey, type Database, keyReused, storableText, TidingsError } from '../../engine.ts'
import { formIssueOf, isRight } from './grading.ts'
import type { AnsweredQuestion, Attempt, Question, Quiz } from './quiz.ts'

/** A submitted answer. */
export interface GivenAnswer {
  readonly questionId: string
  readonly answer: string
}

/** Attempts at published quizzes. */
export interface Taking {
  /**
   * Grades and stores answers. Questions without an answer count as wrong.
   * @param request.idempotencyKey - a repeated submission with the same key returns the same
   * attempt
   * @throws TidingsError `NOT_FOUND` (also while it is not published), `BAD_INPUT`,
   * `IDEMPOTENCY_KEY_REUSED`
   */
  submit(request: {
    readonly taker: string
    readonly quizId: string
    readonly answers: readonly GivenAnswer[]
    readonly idempotencyKey?: string | undefined
  }): Promise<Attempt>
  /** A taker's attempts at several quizzes, each newest first. */
  attemptsOf(taker: string, quizIds: readonly string[]): Promise<readonly (readonly Attempt[])[]>
  attempt(id: string): Promise<Attempt | null>
}

const maxAnswerCharacters = 500
/** The columns of `quiz_attempt`, named as the properties of an attempt. */
const columns = `id, quiz_id as "quizId", taker, answers, correct_count as "correctCount", question_count as "questionCount",
  created_at as "createdAt"`

/** Creates the store of attempts; `read` provides published quizzes and their questions. */
export function createTaking(
  { pool }: Database,
  read: {
    readonly published: (id: string) => Promise<Quiz | null>
    readonly questions: (id: string) => Promise<readonly Question[]>
  },
): Taking {
  const findByKey = async (taker: string, key: string | undefined): Promise<Attempt | null> => {
    if (key === undefined) return null
    const { rows } = await pool.query<Attempt>(
      `select ${columns} from studio.quiz_attempt where taker = $1 and submit_key = $2`,
      [taker, key],
    )
    return rows[0] ?? null
  }
  return {
    async submit({ taker, quizId, answers, idempotencyKey }) {
      checkIdempotencyKey(idempotencyKey, 'input.idempotencyKey')
      // Checked before the quiz is read, which may have other questions by now.
      const earlier = await findByKey(taker, idempotencyKey)
      if (earlier !== null) return sameOrRefused(earlier, { quizId, answers })
      const quiz = await read.published(quizId)
      if (quiz === null) throw new TidingsError('NOT_FOUND', `There is no published quiz "${quizId}"`, { id: quizId })
      const gradedAnswers = grade(await read.questions(quizId), answers)
      const { rows } = await pool.query<Attempt>(
        `insert into studio.quiz_attempt (id, quiz_id, taker, answers, correct_count, question_count, submit_key)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (taker, submit_key) where submit_key is not null do nothing returning ${columns}`,
        [
          typeid('attempt').toString(),
          quizId,
          taker,
          JSON.stringify(gradedAnswers),
          gradedAnswers.filter(({ isCorrect }) => isCorrect).length,
          gradedAnswers.length,
          idempotencyKey ?? null,
        ],
      )
      if (rows[0] !== undefined) return rows[0]
      // Submitted twice concurrently.
      const simultaneous = await findByKey(taker, idempotencyKey)
      if (simultaneous === null) throw new Error('The attempt was neither stored nor there')
      return sameOrRefused(simultaneous, { quizId, answers })
    },
    async attemptsOf(taker, quizIds) {
      const { rows } = await pool.query<Attempt>(
        `select ${columns} from studio.quiz_attempt where taker = $1 and quiz_id = any($2::text[]) order by created_at desc, id desc`,
        [taker, quizIds],
      )
      return quizIds.map((id) => rows.filter(({ quizId }) => quizId === id))
    },
    async attempt(id) {
      const { rows } = await pool.query<Attempt>(`select ${columns} from studio.quiz_attempt where id = $1`, [id])
      return rows[0] ?? null
    },
  }
}

/**
 * Grades answers.
 * @throws TidingsError `BAD_INPUT` with all answers that cannot be graded
 */
function grade(questions: readonly Question[], answers: readonly GivenAnswer[]): AnsweredQuestion[] {
  const byId = new Map(answers.map(({ questionId, answer }) => [questionId, answer]))
  const questionsById = new Map(questions.map((question) => [question.id, question]))
  const issues = answers.flatMap(({ questionId, answer }, place) => {
    const question = questionsById.get(questionId)
    const message =
      question === undefined
        ? `question "${questionId}" is not in this quiz`
        : answer.length > maxAnswerCharacters
          ? `the answer has ${answer.length} characters; at most ${maxAnswerCharacters} are allowed`
          : formIssueOf(question.body, answer)
    return message === undefined ? [] : [{ path: `input.answers.${place}`, message }]
  })
  if (byId.size < answers.length)
    issues.push({ path: 'input.answers', message: 'one question is answered more than once' })
  if (issues.length > 0)
    throw new TidingsError('BAD_INPUT', `The answers do not do: ${issues.map(({ message }) => message).join('; ')}`, {
      issues,
    })
  return questions.map(({ id, body }) => {
    const answer = byId.get(id)
    const isOpen = answer === undefined || answer.trim() === ''
    return { questionId: id, given: isOpen ? null : storableText(answer), isCorrect: !isOpen && isRight(body, answer) }
  })
}

/**
 * Returns the attempt when it equals the submission.
 * @throws TidingsError `IDEMPOTENCY_KEY_REUSED` when it differs
 */
function sameOrRefused(
  attempt: Attempt,
  submitted: { readonly quizId: string; readonly answers: readonly GivenAnswer[] },
): Attempt {
  const toText = (answers: readonly (readonly [questionId: string, text: string])[]): string =>
    JSON.stringify(answers.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  const storedText = toText(
    attempt.answers.flatMap(({ questionId, given }) => (given === null ? [] : [[questionId, given]])),
  )
  const answeredQuestions = submitted.answers.filter(({ answer }) => answer.trim() !== '')
  const isSame =
    attempt.quizId === submitted.quizId &&
    storedText === toText(answeredQuestions.map(({ questionId, answer }) => [questionId, storableText(answer)]))
  if (isSame) return attempt
  throw keyReused('input.idempotencyKey', 'The idempotency key was used for other answers; use a new key for new ones')
}
