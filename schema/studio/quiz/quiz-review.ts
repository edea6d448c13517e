import { generateQuizKind } from '../../../src/studio/quizzes/generate-quiz.ts'
import type { Question, Quiz } from '../../../src/studio/quizzes/quiz.ts'
import { replaceQuestionKind } from '../../../src/studio/quizzes/replace-question.ts'
import {
  anyFailure,
  type Context,
  keyDescription,
  refuseAsMissing,
  requireViewer,
  startTask,
  type TaskSource,
} from '../../index.ts'
import { builder, defineResult, taskRef } from '../builder.ts'
import { questionRef, quizRef } from '../refs.ts'
import { difficulty, questionKind } from './question.ts'

async function loadQuestion({ loaders }: Context, id: string): Promise<Question> {
  return (await loaders.question.load(id)) ?? refuseAsMissing('question', id)
}
async function loadQuiz({ loaders }: Context, id: string): Promise<Quiz> {
  return (await loaders.quiz.load(id)) ?? refuseAsMissing('quiz', id)
}

const generateQuizSuccess = builder.objectRef<TaskSource & { readonly quiz: Quiz }>('GenerateQuizSuccess').implement({
  description: 'The task that generates the quiz was started.',
  fields: (t) => ({
    quiz: t.field({ type: quizRef, description: 'The quiz, empty at first.', resolve: ({ quiz }) => quiz }),
    task: t.field({
      type: taskRef,
      description: 'The task that generates the quiz; the keys of its items are the ids of the questions.',
      resolve: (source) => source,
    }),
  }),
})
const generateQuizResult = defineResult(generateQuizSuccess, anyFailure)

const replaceQuestionSuccess = builder
  .objectRef<TaskSource & { readonly question: Question }>('ReplaceQuestionSuccess')
  .implement({
    description: 'The task that generates the replacement was started.',
    fields: (t) => ({
      question: t.field({
        type: questionRef,
        description: 'The current question, which stays until the replacement is completed.',
        resolve: ({ question }) => question,
      }),
      task: t.field({
        type: taskRef,
        description: 'The task that generates the replacement; subscribe to it with `taskProgress`.',
        resolve: (source) => source,
      }),
    }),
  })
const replaceQuestionResult = defineResult(replaceQuestionSuccess, anyFailure)

const changeQuestionSuccess = builder.objectRef<{ readonly question: Question }>('ChangeQuestionSuccess').implement({
  description: 'The question was changed.',
  fields: (t) => ({
    question: t.field({
      type: questionRef,
      description: 'The question; its `quiz` has the order and the counts.',
      resolve: ({ question }) => question,
    }),
  }),
})
const changeQuestionResult = defineResult(
  changeQuestionSuccess,
  ['NotFoundError', 'ConflictError', 'InvalidInputError'],
  { mutations: 'a change to a question' },
)

const publishQuizSuccess = builder.objectRef<{ readonly quiz: Quiz }>('PublishQuizSuccess').implement({
  description: 'The quiz was published.',
  fields: (t) => ({
    quiz: t.field({ type: quizRef, description: 'The published quiz.', resolve: ({ quiz }) => quiz }),
  }),
})
const publishQuizResult = defineResult(publishQuizSuccess, ['NotFoundError', 'ConflictError'])

const editQuestionInput = builder.inputType('EditQuestionInput', {
  description: 'A change to a question. Omitted fields keep their values, as do its kind and its citation.',
  fields: (t) => ({
    questionId: t.id({ required: true, description: 'The question.' }),
    prompt: t.string({ description: 'Markdown; a CLOZE has exactly one gap, `_____`.' }),
    options: t.stringList({ description: 'For a MULTIPLE_CHOICE: 2 to 8 distinct options, Markdown.' }),
    answer: t.string({
      description:
        'For a MULTIPLE_CHOICE the text of one of its options, for a CLOZE the missing text, otherwise `TRUE` or `FALSE`.',
    }),
    alternatives: t.stringList({ description: 'For a CLOZE: further accepted answers.' }),
    explanation: t.string({ description: 'Markdown.' }),
    difficulty: t.field({ type: difficulty, description: 'The estimated difficulty.' }),
  }),
})

const generateQuizInput = builder.inputType('GenerateQuizInput', {
  description: 'The quiz to generate.',
  fields: (t) => ({
    documentId: t.id({ required: true, description: 'A document of the viewer.' }),
    questionCount: t.int({
      defaultValue: 10,
      description: '1 to 50. When the document yields fewer, the quiz has fewer, and `Quiz.note` reports it.',
    }),
    kinds: t.field({
      type: [questionKind],
      description: 'The kinds of question, used in turn as far as the document allows; all kinds by default.',
    }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})
const replaceQuestionInput = builder.inputType('ReplaceQuestionInput', {
  description: 'The question to replace.',
  fields: (t) => ({
    questionId: t.id({ required: true, description: 'A question of the viewer.' }),
    reason: t.string({ description: 'The reason: an instruction for the generator, kept in the history.' }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})
const acceptQuestionInput = builder.inputType('AcceptQuestionInput', {
  description: 'The question to accept.',
  fields: (t) => ({
    questionId: t.id({ required: true, description: 'A question of the viewer.' }),
    accepted: t.boolean({ defaultValue: true, description: 'false withdraws the acceptance.' }),
  }),
})
const moveQuestionInput = builder.inputType('MoveQuestionInput', {
  description: 'The question to move, and its new position.',
  fields: (t) => ({
    questionId: t.id({ required: true, description: 'A question of the viewer.' }),
    position: t.int({ required: true, description: '1 for the first.' }),
  }),
})
const undoQuestionInput = builder.inputType('UndoQuestionInput', {
  description: 'The question to restore the previous version of.',
  fields: (t) => ({ questionId: t.id({ required: true, description: 'A question of the viewer.' }) }),
})
const publishQuizInput = builder.inputType('PublishQuizInput', {
  description: 'The quiz to publish.',
  fields: (t) => ({ quizId: t.id({ required: true, description: 'A quiz of the viewer.' }) }),
})

/** Runs a change to a question that the viewer owns. */
const change = (context: Context, id: string, run: (owner: string) => Promise<unknown>) =>
  changeQuestionResult.run(context, id, async () => {
    await run(requireViewer(context).userId)
    return { question: await loadQuestion(context, id) }
  })

builder.mutationFields((t) => ({
  generateQuiz: t.field({
    type: generateQuizResult.type,
    description:
      'Generates a quiz from a document that is READY. Returns the task at once; each question can be read as soon as its item is completed.',
    args: { input: t.arg({ type: generateQuizInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { documentId, questionCount, kinds, idempotencyKey } }, context) =>
      generateQuizResult.run(context, documentId, async () => {
        const input = {
          documentId,
          questionCount: questionCount ?? 10,
          kinds: kinds ?? ['MULTIPLE_CHOICE', 'CLOZE', 'TRUE_FALSE'],
        }
        await context.quotas.check('quizzes', requireViewer(context).userId, { key: idempotencyKey })
        const task = await startTask(context, generateQuizKind, input, idempotencyKey)
        return { task, quiz: await loadQuiz(context, task.subject ?? '') }
      }),
  }),
  replaceQuestion: t.field({
    type: replaceQuestionResult.type,
    description:
      'Generates another question and puts it in the place of this one when it is completed. It differs from all present and former questions of the quiz. Several questions can be replaced concurrently. When the task fails or is canceled, the old question stays.',
    args: { input: t.arg({ type: replaceQuestionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { questionId, reason, idempotencyKey } }, context) =>
      replaceQuestionResult.run(context, questionId, async () => {
        const input = { questionId, ...(reason === null || reason === undefined ? {} : { reason }) }
        const task = await startTask(context, replaceQuestionKind, input, idempotencyKey)
        return { task, question: await loadQuestion(context, questionId) }
      }),
  }),
  acceptQuestion: t.field({
    type: changeQuestionResult.type,
    description: 'Accepts a question for the published quiz, or withdraws the acceptance.',
    args: { input: t.arg({ type: acceptQuestionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { questionId, accepted } }, context) =>
      change(context, questionId, (owner) => context.quizzes.review.accept(owner, questionId, accepted ?? true)),
  }),
  editQuestion: t.field({
    type: changeQuestionResult.type,
    description: 'Changes the text of a question. The previous version is kept; `undoQuestion` restores it.',
    args: { input: t.arg({ type: editQuestionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input }, context) => {
      const { questionId, prompt, options, answer, alternatives, explanation } = input
      return change(context, questionId, (owner) =>
        context.quizzes.review.edit(owner, questionId, {
          prompt: prompt ?? undefined,
          options: options ?? undefined,
          answer: answer ?? undefined,
          alternatives: alternatives ?? undefined,
          explanation: explanation ?? undefined,
          difficulty: input.difficulty ?? undefined,
        }),
      )
    },
  }),
  moveQuestion: t.field({
    type: changeQuestionResult.type,
    description:
      'Moves a question to another position; the following questions move accordingly. Possible while it is being replaced.',
    args: { input: t.arg({ type: moveQuestionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { questionId, position } }, context) =>
      change(context, questionId, (owner) => context.quizzes.review.move(owner, questionId, position)),
  }),
  undoQuestion: t.field({
    type: changeQuestionResult.type,
    description: 'Restores the previous version of a question, and whether it was accepted.',
    args: { input: t.arg({ type: undoQuestionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { questionId } }, context) =>
      change(context, questionId, (owner) => context.quizzes.review.undo(owner, questionId)),
  }),
  publishQuiz: t.field({
    type: publishQuizResult.type,
    description:
      'Freezes a quiz and makes it available to every signed-in user with its id. It consists of the accepted questions, at least one.',
    args: { input: t.arg({ type: publishQuizInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { quizId } }, context) =>
      publishQuizResult.run(context, quizId, async () => {
        await context.quizzes.review.publish(requireViewer(context).userId, quizId)
        return { quiz: await loadQuiz(context, quizId) }
      }),
  }),
}))

interface DeleteSource {
  readonly id: string
  readonly canceledTaskIds: readonly string[]
}
const deleteQuizSuccess = builder.objectRef<DeleteSource>('DeleteQuizSuccess').implement({
  description: 'The quiz was deleted permanently.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the deleted quiz.' }),
    canceledTaskIds: t.idList({
      description: 'The tasks of the quiz that were canceled; their subscribers receive TaskCanceled.',
      resolve: ({ canceledTaskIds }) => [...canceledTaskIds],
    }),
  }),
})
const deleteQuizResult = defineResult(deleteQuizSuccess, ['NotFoundError'])

const deleteQuizInput = builder.inputType('DeleteQuizInput', {
  description: 'The quiz to delete.',
  fields: (t) => ({ quizId: t.id({ required: true, description: 'A quiz of the viewer.' }) }),
})

builder.mutationField('deleteQuiz', (t) =>
  t.field({
    type: deleteQuizResult.type,
    description:
      'Deletes a quiz with its questions, attempts and task logs, also when it is published. Its running tasks are canceled. Only the owner may delete it.',
    args: { input: t.arg({ type: deleteQuizInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { quizId } }, context) =>
      deleteQuizResult.run(context, quizId, async () => ({
        id: quizId,
        canceledTaskIds: await context.quizzes.delete(requireViewer(context).userId, quizId),
      })),
  }),
)
