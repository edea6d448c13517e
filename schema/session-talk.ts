import type { Message } from '../src/studio/sessions/session.ts'
import type { Task } from '../src/tasks/task.ts'
import { requirePart } from './access.ts'
import { builder, requireLimitedViewer } from './builder.ts'
import { taskRef, taskSource } from './refs.ts'
import { anyFailure, defineResult } from './result.ts'
import { messageRef } from './session.ts'
import { clientIdDescription } from './session-change.ts'

interface MessageOutcome {
  readonly message: Message
  readonly reply: Message | null
  readonly task: Task | null
}
const sendMessageSuccess = builder.objectRef<MessageOutcome>('SendMessageSuccess').implement({
  description: 'The message is stored, and told to all.',
  fields: (t) => ({
    sessionMessage: t.field({ type: messageRef, description: 'The message.', resolve: ({ message }) => message }),
    reply: t.field({
      type: messageRef,
      nullable: true,
      description: 'The reply to it as it is now: WRITING, at first. null when none was wanted.',
      resolve: ({ reply }) => reply,
    }),
    task: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task that writes the reply; null without one, and when the message was stored before.',
      resolve: ({ task }) => taskSource(task),
    }),
  }),
})
const sendMessageResult = defineResult(sendMessageSuccess, anyFailure)

const setTypingSuccess = builder.objectRef<{ readonly isTyping: boolean }>('SetTypingSuccess').implement({
  description: 'The others are told.',
  fields: (t) => ({
    isTyping: t.exposeBoolean('isTyping', { description: 'What was said. True runs out after 6 seconds.' }),
  }),
})
const setTypingResult = defineResult(setTypingSuccess, ['NotFoundError'])
const setTypingInput = builder.inputType('SetTypingInput', {
  description: 'Whether the viewer is typing.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer takes part in.' }),
    isTyping: t.boolean({ required: true, description: 'Whether the viewer is typing now.' }),
  }),
})
const sendMessageInput = builder.inputType('SendMessageInput', {
  description: 'Something to say.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer takes part in.' }),
    clientId: t.string({ required: true, description: clientIdDescription }),
    text: t.string({ required: true, description: 'Plain text: 1 to 10,000 characters.' }),
    wantsReply: t.boolean({
      defaultValue: true,
      description: 'Whether it is to be answered from the cards. The reply is a task.',
    }),
  }),
})
builder.mutationFields((t) => ({
  sendMessage: t.field({
    type: sendMessageResult.type,
    description:
      'Says something. All participants are told of it before a reply is worked on. However often it is sent with one `clientId`, it is stored once.',
    args: { input: t.arg({ type: sendMessageInput, required: true, description: 'What, and where.' }) },
    resolve: (_, { input }, context) =>
      sendMessageResult.run(context, input.sessionId, async () => {
        const { sessionId, clientId, text, wantsReply } = input
        const author = await requirePart(context, sessionId)
        const headStartMs = context.limits.headStartMs(requireLimitedViewer(context).plan)
        return context.sessions.messages.send({
          sessionId,
          author,
          clientId,
          text,
          wantsReply: wantsReply ?? true,
          headStartMs,
        })
      }),
  }),
  setTyping: t.field({
    type: setTypingResult.type,
    description:
      'Tells the others that the viewer is typing, for 6 seconds, or that no more. Say it again every few seconds while it lasts; it counts only while the viewer watches the session.',
    args: { input: t.arg({ type: setTypingInput, required: true, description: 'The arguments.' }) },
    resolve: (_, { input: { sessionId, isTyping } }, context) =>
      setTypingResult.run(context, sessionId, async () => {
        const userId = await requirePart(context, sessionId)
        await context.sessions.setTyping(sessionId, userId, isTyping)
        return { isTyping }
      }),
  }),
}))
