import { builder, requireViewer } from './builder.ts'
import { defineResult } from './result.ts'

interface DeleteSource {
  readonly id: string
  readonly canceledTaskIds: readonly string[]
}
const deleteQuizSuccess = builder.objectRef<DeleteSource>('DeleteQuizSuccess').implement({
  description: 'The quiz is gone, for everyone and for good.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The quiz that was.' }),
    canceledTaskIds: t.idList({
      description: 'The tasks that worked on it and were canceled: who watches them has been told.',
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
      'Deletes a quiz, published or not: its questions, how it was taken, and what its tasks have logged. Tasks that work on it are canceled. Only its owner may.',
    args: { input: t.arg({ type: deleteQuizInput, required: true, description: 'The arguments.' }) },
    resolve: (_, { input: { quizId } }, context) =>
      deleteQuizResult.run(context, quizId, async () => ({
        id: quizId,
        canceledTaskIds: await context.quizzes.delete(requireViewer(context).userId, quizId),
      })),
  }),
)
