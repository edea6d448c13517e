import { builder, requireViewer } from '../../kit/builder.ts'
import { defineResult } from '../../kit/result.ts'

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
