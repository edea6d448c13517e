import type { QuestionKind } from '../../../src/studio/content/question.ts'
import type { Quiz } from '../../../src/studio/quizzes/quiz.ts'
import { activeTaskOf, dependOn, findOwn, readPage, requireViewer } from '../../index.ts'
import { builder, defineConnection, listArguments, node, registerOwnNode, taskError, taskRef } from '../builder.ts'
import { documentRef, questionRef, quizRef } from '../refs.ts'
import { questionKind } from './question.ts'

registerOwnNode('quiz', 'Quiz', (loaders) => loaders.quiz)

/** `QuizStatus` */
export const quizStatus = builder.enumType('QuizStatus', {
  description: 'The status of a quiz.',
  values: {
    GENERATING: {
      description: 'The questions are being generated; `activeTask` has the progress. Completed questions can be read.',
    },
    DRAFT: {
      description: 'In review: questions can be accepted, edited, moved and replaced, then the quiz published.',
    },
    FAILED: { description: 'The generation failed without any question; see `error`.' },
    PUBLISHED: { description: 'Published; it can be taken and no longer changes.' },
  } as const,
})
quizRef.implement({
  description: 'A quiz with its questions and answers, for its owner. Takers of the quiz see a `PublishedQuiz`.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `quiz_`.' }),
    title: t.exposeString('title', { description: 'The title of the document when the quiz was generated.' }),
    status: t.field({ type: quizStatus, description: 'The current status.', resolve: ({ status }) => status }),
    requestedCount: t.exposeInt('requestedCount', { description: 'The requested number of questions.' }),
    kinds: t.field({
      type: [questionKind],
      description: 'The requested kinds of question.',
      resolve: ({ kinds }): QuestionKind[] => [...kinds],
    }),
    note: t.exposeString('note', {
      nullable: true,
      description: 'A remark, such as that the document yields fewer questions than requested.',
    }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'The cause of the failure; null otherwise.',
      resolve: ({ error }) => error,
    }),
    questions: t.field({
      type: [questionRef],
      description: 'The generated questions in order.',
      resolve: ({ id }, _, { loaders }) => loaders.questionsOf.load(id),
    }),
    acceptedCount: t.int({
      description: 'The number of accepted questions.',
      resolve: async ({ id }, _, { loaders }) =>
        (await loaders.questionsOf.load(id)).filter(({ acceptedAt }) => acceptedAt !== null).length,
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description:
        'The task that is generating this quiz, so that a page that has just loaded can subscribe to it. Replacements are in `Question.activeTask`.',
      resolve: activeTaskOf,
    }),
    document: t.field({
      type: documentRef,
      nullable: true,
      description: 'The source document; null after it was deleted.',
      resolve: ({ documentId }, _, { loaders }) => (documentId === null ? null : loaders.document.load(documentId)),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was created.',
      resolve: ({ createdAt }) => createdAt,
    }),
    publishedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the quiz was published; null before.',
      resolve: ({ publishedAt }) => publishedAt,
    }),
  }),
})

builder.objectField(documentRef, 'quizzes', (t) =>
  t.field({
    type: [quizRef],
    description: 'The viewer’s quizzes about this document, newest first, at most 50.',
    ...dependOn('viewer'),
    resolve: async ({ id }, _, context) => {
      const { userId } = requireViewer(context)
      return [...(await context.loaders.quizzesOf.load({ owner: userId, documentId: id }))]
    },
  }),
)

const quizConnection = defineConnection<Quiz>('Quiz', quizRef)

builder.queryFields((t) => ({
  quiz: t.field({
    type: quizRef,
    nullable: true,
    description:
      'A quiz of the viewer, for review; null when there is none with this id. For taking a quiz, see `publishedQuiz`.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `quiz_`.' }) },
    resolve: (_, { id }, context) => findOwn(context, context.loaders.quiz, id),
  }),
  quizzes: t.field({
    type: quizConnection,
    description: 'The viewer’s quizzes, newest first.',
    args: listArguments,
    resolve: (_, range, context) => {
      const { userId } = requireViewer(context)
      return readPage(range, (rows) => context.quizzes.list({ owner: userId, ...rows }))
    },
  }),
}))
