import { dependOn } from '../src/live/field.ts'
import type { QuestionKind } from '../src/studio/content/question.ts'
import type { Quiz } from '../src/studio/quizzes/quiz.ts'
import { findOwn } from './access.ts'
import { builder, requireViewer } from './builder.ts'
import { defineConnection, listArguments, readPage } from './connection.ts'
import { node } from './node.ts'
import { taskError } from './progress.ts'
import { questionKind } from './question.ts'
import { documentRef, questionRef, quizRef, taskRef } from './refs.ts'
import { activeTaskOf } from './subject-task.ts'

const quizStatus = builder.enumType('QuizStatus', {
  description: 'Where a quiz is.',
  values: {
    GENERATING: { description: 'Is being made; `activeTask` tells how far it is. Its questions can be read already.' },
    DRAFT: { description: 'Waits for review: accept, edit, reorder, replace; then publish.' },
    FAILED: { description: 'Has not a single question; `error` says why.' },
    PUBLISHED: { description: 'Can be taken; does not change any more.' },
  } as const,
})
quizRef.implement({
  description:
    'Questions made from a document, as their owner sees them. Whoever takes the quiz is shown a `PublishedQuiz`.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `quiz_`.' }),
    title: t.exposeString('title', { description: 'The title of the document when the quiz was made.' }),
    status: t.field({ type: quizStatus, description: 'Where it is.', resolve: ({ status }) => status }),
    requestedCount: t.exposeInt('requestedCount', { description: 'How many questions were asked for.' }),
    kinds: t.field({
      type: [questionKind],
      description: 'Which kinds were asked for.',
      resolve: ({ kinds }): QuestionKind[] => [...kinds],
    }),
    note: t.exposeString('note', {
      nullable: true,
      description: 'What to know of it, such as that the document yields fewer questions than asked for.',
    }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'Why it is not complete; null otherwise.',
      resolve: ({ error }) => error,
    }),
    questions: t.field({
      type: [questionRef],
      description: 'Those that have been made, in their order.',
      resolve: ({ id }, _, { loaders }) => loaders.questionsOf.load(id),
    }),
    acceptedCount: t.int({
      description: 'How many of them are accepted.',
      resolve: async ({ id }, _, { loaders }) =>
        (await loaders.questionsOf.load(id)).filter(({ acceptedAt }) => acceptedAt !== null).length,
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description:
        'The task that now makes this quiz, so that a page that has just loaded can pick it up. Replacements are at their questions.',
      resolve: activeTaskOf,
    }),
    document: t.field({
      type: documentRef,
      nullable: true,
      description: 'What it was made from; null when that was deleted since.',
      resolve: ({ documentId }, _, { loaders }) => (documentId === null ? null : loaders.document.load(documentId)),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was asked for.',
      resolve: ({ createdAt }) => createdAt,
    }),
    publishedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Since when it can be taken; null before.',
      resolve: ({ publishedAt }) => publishedAt,
    }),
  }),
})

builder.objectField(documentRef, 'quizzes', (t) =>
  t.field({
    type: [quizRef],
    description: 'The viewer’s quizzes made from it, newest first, at most 50.',
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
      'A quiz of the viewer’s, for review; null when there is none with this id. To take one: `publishedQuiz`.',
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
