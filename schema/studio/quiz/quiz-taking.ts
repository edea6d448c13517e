import { type Attempt, optionsOf, type Question, type Quiz, rightKeyOf } from '../../../src/studio/quizzes/quiz.ts'
import { requireViewer } from '../../index.ts'
import { builder, defineResult } from '../builder.ts'
import { citationRef, optionRef, questionKind } from './question.ts'

// A separate type for the users taking a quiz: a field that it does not have cannot be selected,
// whatever mistake a resolver makes.
const publishedQuestion = builder.objectRef<Question>('PublishedQuestion').implement({
  description: 'A question without its answer.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id to submit with the answer.' }),
    position: t.exposeInt('position', { description: '1 for the first.' }),
    kind: t.field({ type: questionKind, description: 'The kind of question.', resolve: ({ body }) => body.kind }),
    prompt: t.string({ description: 'Markdown.', resolve: ({ body }) => body.prompt }),
    options: t.field({
      type: [optionRef],
      description: 'The options; empty for a written answer.',
      resolve: ({ body }) => optionsOf(body),
    }),
  }),
})

interface Graded {
  readonly question: Question
  readonly given: string | null
  readonly isCorrect: boolean
}
const questionResult = builder.objectRef<Graded>('QuestionResult').implement({
  description: 'The result of one question.',
  fields: (t) => ({
    question: t.field({ type: publishedQuestion, description: 'The question.', resolve: ({ question }) => question }),
    given: t.exposeString('given', {
      nullable: true,
      description: 'The submitted option key or text; null without an answer.',
    }),
    isCorrect: t.exposeBoolean('isCorrect', { description: 'Whether the submitted answer is correct.' }),
    answer: t.string({
      description: 'The correct answer: the text of an option or of the gap, or “True” or “False”.',
      resolve: ({ question: { body } }) =>
        body.kind === 'TRUE_FALSE' ? (body.answer === 'TRUE' ? 'True' : 'False') : body.answer,
    }),
    answerKey: t.string({
      nullable: true,
      description: 'The key of the correct option; null for a written answer.',
      resolve: ({ question: { body } }) => rightKeyOf(body),
    }),
    explanation: t.string({
      description: 'The explanation of the answer, Markdown.',
      resolve: ({ question: { body } }) => body.explanation,
    }),
    citation: t.field({
      type: citationRef,
      description: 'The source passage.',
      resolve: ({ question: { body } }) => body.citation,
    }),
  }),
})

const attemptRef = builder.objectRef<Attempt>('QuizAttempt').implement({
  description: 'An attempt of the viewer at a quiz, with the correct answers.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `attempt_`.' }),
    correctCount: t.exposeInt('correctCount', { description: 'The number of correct answers.' }),
    questionCount: t.exposeInt('questionCount', { description: 'The number of questions.' }),
    percent: t.float({
      description: '0 to 100, with one decimal.',
      resolve: ({ correctCount, questionCount }) =>
        questionCount === 0 ? 0 : Math.round((correctCount / questionCount) * 1_000) / 10,
    }),
    results: t.field({
      type: [questionResult],
      description: 'The results in the order of the questions.',
      resolve: async ({ quizId, answers }, _, { loaders }) => {
        const answersByQuestion = new Map(answers.map((answer) => [answer.questionId, answer]))
        return (await loaders.publishedQuestions.load(quizId)).map((question): Graded => {
          const answer = answersByQuestion.get(question.id)
          return { question, given: answer?.given ?? null, isCorrect: answer?.isCorrect ?? false }
        })
      },
    }),
    submittedAt: t.field({
      type: 'DateTime',
      description: 'When the answers were submitted.',
      resolve: ({ createdAt }) => createdAt,
    }),
  }),
})

const publishedQuizRef = builder.objectRef<Quiz>('PublishedQuiz').implement({
  description: 'A published quiz with its questions, without their answers.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the quiz.' }),
    title: t.exposeString('title', { description: 'The title of the quiz.' }),
    questions: t.field({
      type: [publishedQuestion],
      description: 'The questions in order.',
      resolve: ({ id }, _, { loaders }) => loaders.publishedQuestions.load(id),
    }),
    attempts: t.field({
      type: [attemptRef],
      description: 'The viewer’s attempts, newest first.',
      resolve: async ({ id }, _, context) => {
        const [attempts = []] = await context.quizzes.taking.attemptsOf(requireViewer(context).userId, [id])
        return attempts
      },
    }),
    publishedAt: t.field({
      type: 'DateTime',
      description: 'When the quiz was published.',
      resolve: ({ publishedAt, createdAt }) => publishedAt ?? createdAt,
    }),
  }),
})

builder.queryFields((t) => ({
  publishedQuiz: t.field({
    type: publishedQuizRef,
    nullable: true,
    description: 'A published quiz, for every signed-in user with its id; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `quiz_`.' }) },
    resolve: (_, { id }, context) => {
      requireViewer(context)
      return context.quizzes.published(id)
    },
  }),
  quizAttempt: t.field({
    type: attemptRef,
    nullable: true,
    description: 'An attempt of the viewer; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `attempt_`.' }) },
    resolve: async (_, { id }, context) => {
      const viewer = requireViewer(context)
      const attempt = await context.quizzes.taking.attempt(id)
      return attempt?.taker === viewer.userId ? attempt : null
    },
  }),
}))

const answerInput = builder.inputType('AnswerInput', {
  description: 'The answer to one question.',
  fields: (t) => ({
    questionId: t.id({ required: true, description: 'The question.' }),
    answer: t.string({ required: true, description: 'The key of an option; for a CLOZE the text of the gap.' }),
  }),
})
const submitQuizInput = builder.inputType('SubmitQuizInput', {
  description: 'The answers to a quiz.',
  fields: (t) => ({
    quizId: t.id({ required: true, description: 'A published quiz.' }),
    answers: t.field({
      type: [answerInput],
      required: true,
      description: 'One answer per question; unanswered questions count as wrong.',
    }),
    idempotencyKey: t.string({
      description: 'At most 255 characters. A repeated request with the same key and answers returns the same attempt.',
    }),
  }),
})
const submitQuizSuccess = builder.objectRef<{ readonly attempt: Attempt }>('SubmitQuizSuccess').implement({
  description: 'The answers were graded.',
  fields: (t) => ({
    attempt: t.field({
      type: attemptRef,
      description: 'The attempt with its score and the correct answers.',
      resolve: ({ attempt }) => attempt,
    }),
  }),
})
const submitQuizResult = defineResult(submitQuizSuccess, ['NotFoundError', 'InvalidInputError'], {
  budget: 'submissions',
})

builder.mutationField('submitQuiz', (t) =>
  t.field({
    type: submitQuizResult.type,
    description:
      'Submits the answers to a published quiz and returns the score. A quiz can be taken several times; all attempts are kept.',
    args: { input: t.arg({ type: submitQuizInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { quizId, answers, idempotencyKey } }, context) =>
      submitQuizResult.run(context, quizId, async () => ({
        attempt: await context.quizzes.taking.submit({
          taker: requireViewer(context).userId,
          quizId,
          answers,
          idempotencyKey: idempotencyKey ?? undefined,
        }),
      })),
  }),
)
