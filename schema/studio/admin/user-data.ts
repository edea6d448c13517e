import { isStorable, TidingsError, unstorable } from '../../../src/engine.ts'
import { requireAdmin } from '../../index.ts'
import { builder, defineResult } from '../builder.ts'

interface DeletedUser {
  readonly userId: string
  readonly canceledTaskIds: readonly string[]
}

const deleteUserDataSuccess = builder.objectRef<DeletedUser>('DeleteUserDataSuccess').implement({
  description: 'Everything of the user is deleted for good.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The user.' }),
    canceledTaskIds: t.idList({
      description: 'The tasks that were canceled; their subscribers received `TaskCanceled`.',
      resolve: ({ canceledTaskIds }) => [...canceledTaskIds],
    }),
  }),
})
const deleteUserDataResult = defineResult(deleteUserDataSuccess, ['InvalidInputError'])
const deleteUserDataInput = builder.inputType('DeleteUserDataInput', {
  description: 'The user whose data to delete.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The `sub` of the user’s tokens.' }) }),
})

builder.mutationField('deleteUserData', (t) =>
  t.field({
    type: deleteUserDataResult.type,
    description:
      'Deletes everything of one user: tasks, documents, roadmaps, quizzes, projects, sessions, notifications. In the sessions of others the user’s messages stay, empty. Revoke the user’s tokens first; calling it again finishes what an error interrupted. Needs the role `admin`.',
    args: { input: t.arg({ type: deleteUserDataInput, required: true, description: 'The user.' }) },
    resolve: (_, { input: { userId } }, context) =>
      deleteUserDataResult.run(context, userId, async () => {
        requireAdmin(context)
        if (userId.trim() === '' || !isStorable(userId)) {
          const message = userId.trim() === '' ? 'A user’s id is not empty' : unstorable
          throw new TidingsError('BAD_INPUT', message, { issues: [{ path: 'input.userId', message }] })
        }
        const canceledTaskIds = await context.userData.delete(userId)
        context.note('DELETED', { subject: `user:${userId}`, detail: `${canceledTaskIds.length} tasks canceled` })
        return { userId, canceledTaskIds }
      }),
  }),
)
