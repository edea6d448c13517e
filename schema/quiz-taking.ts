import { type Attempt, optionsOf, type Question, type Quiz, rightKeyOf } from '../src/studio/quizzes/quiz.ts'
import { builder, requireViewer } from './builder.ts'
import { citationRef, optionRef, questionKind } from './question.ts'
import { defineResult } from './result.ts'

// A type of its own for who takes a quiz: what is not in it cannot be asked for, by no mistake in a resolver.
const publishedQuestion = builder.objectRef<Question>('PublishedQuestion').implement({
  description: 'A question as it is asked: without its answer.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Hand it in with the answer.' }),
    position: t.exposeInt('position', { description: '1 for the first.' }),
    kind: t.field({ type: questionKind, description: 'What it asks for.', resolve: ({ body }) => body.kind }),
    prompt: t.string({ description: 'Markdown.', resolve: ({ body }) => body.prompt }),
    options: t.field({
      type: [optionRef],
      description: 'What can be chosen; empty where the answer is written.',
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
  description: 'How one question was answered.',
  fields: (t) => ({
    question: t.field({ type: publishedQuestion, description: 'The question.', resolve: ({ question }) => question }),
    given: t.exposeString('given', {
      nullable: true,
      description: 'The key of the chosen option, or the text; null when it was left open.',
    }),
    isCorrect: t.exposeBoolean('isCorrect', { description: 'Whether that is right.' }),
    answer: t.string({
      description: 'What is right: the text of an option, of the gap, or “True” or “False”.',
      resolve: ({ question: { body } }) =>
        body.kind === 'TRUE_FALSE' ? (body.answer === 'TRUE' ? 'True' : 'False') : body.answer,
    }),
    answerKey: t.string({
      nullable: true,
      description: 'The key of the right option; null where the answer is written.',
      resolve: ({ question: { body } }) => rightKeyOf(body),
    }),
    explanation: t.string({
      description: 'Markdown: why it is right.',
      resolve: ({ question: { body } }) => body.explanation,
    }),
    citation: t.field({
      type: citationRef,
      description: 'The passage of the document that says so.',
      resolve: ({ question: { body } }) => body.citation,
    }),
  }),
})

const attemptRef = builder.objectRef<Attempt>('QuizAttempt').implement({
  description: 'A quiz that the viewer took, with what was right.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `attempt_`.' }),
    correctCount: t.exposeInt('correctCount', { description: 'Questions answered right.' }),
    questionCount: t.exposeInt('questionCount', { description: 'Questions of the quiz.' }),
    percent: t.float({
      description: '0 to 100, with one decimal.',
      resolve: ({ correctCount, questionCount }) =>
        questionCount === 0 ? 0 : Math.round((correctCount / questionCount) * 1_000) / 10,
    }),
    results: t.field({
      type: [questionResult],
      description: 'Question by question, in the order of the quiz.',
      resolve: async ({ quizId, answers }, _, { loaders }) => {
        const given = new Map(answers.map((answer) => [answer.questionId, answer]))
        return (await loaders.publishedQuestions.load(quizId)).map((question): Graded => {
          const answer = given.get(question.id)
          return { question, given: answer?.given ?? null, isCorrect: answer?.isCorrect ?? false }
        })
      },
    }),
    submittedAt: t.field({
      type: 'DateTime',
      description: 'When the answers were handed in.',
      resolve: ({ createdAt }) => createdAt,
    }),
  }),
})

const publishedQuizRef = builder.objectRef<Quiz>('PublishedQuiz').implement({
  description: 'A quiz as it is taken: its questions without their answers.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the quiz.' }),
    title: t.exposeString('title', { description: 'What it is about.' }),
    questions: t.field({
      type: [publishedQuestion],
      description: 'In their order.',
      resolve: ({ id }, _, { loaders }) => loaders.publishedQuestions.load(id),
    }),
    attempts: t.field({
      type: [attemptRef],
      description: 'The viewer’s own, newest first.',
      resolve: async ({ id }, _, context) => {
        const [attempts = []] = await context.quizzes.taking.attemptsOf(requireViewer(context).userId, [id])
        return attempts
      },
    }),
    publishedAt: t.field({
      type: 'DateTime',
      description: 'Since when it can be taken.',
      resolve: ({ publishedAt, createdAt }) => publishedAt ?? createdAt,
    }),
  }),
})

builder.queryFields((t) => ({
  publishedQuiz: t.field({
    type: publishedQuizRef,
    nullable: true,
    description:
      'A quiz to take, for every signed-in user who has its id; null when there is none, or it is not published.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `quiz_`.' }) },
    resolve: (_, { id }, context) => {
      requireViewer(context)
      return context.quizzes.published(id)
    },
  }),
  quizAttempt: t.field({
    type: attemptRef,
    nullable: true,
    description: 'An attempt of the viewer’s; null when there is none with this id.',
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
      description: 'One for each question; what is left out counts as wrong.',
    }),
    idempotencyKey: t.string({
      description:
        'At most 255 characters. Sent again with the same key and answers, the same attempt is returned instead of a second one.',
    }),
  }),
})
const submitQuizSuccess = builder.objectRef<{ readonly attempt: Attempt }>('SubmitQuizSuccess').implement({
  description: 'The answers are graded.',
  fields: (t) => ({
    attempt: t.field({
      type: attemptRef,
      description: 'The score, and what was right.',
      resolve: ({ attempt }) => attempt,
    }),
  }),
})
const submitQuizResult = defineResult(submitQuizSuccess, ['NotFoundError', 'InvalidInputError'])

builder.mutationField('submitQuiz', (t) =>
  t.field({
    type: submitQuizResult.type,
    description:
      'Hands in the answers to a published quiz and returns the score. It may be taken again; every attempt is kept.',
    args: { input: t.arg({ type: submitQuizInput, required: true, description: 'The answers.' }) },
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
