import type { Task } from '../../../src/engine.ts'
import type { Message } from '../../../src/studio/sessions/session.ts'
import { anyFailure, requireLimitedViewer, taskSource } from '../../index.ts'
import { builder, defineResult, taskRef } from '../builder.ts'
import { messageRef } from './session.ts'
import { requirePart } from './session-access.ts'
import { clientIdDescription } from './session-result.ts'

interface MessageOutcome {
  readonly message: Message
  readonly reply: Message | null
  readonly task: Task | null
}
const sendMessageSuccess = builder.objectRef<MessageOutcome>('SendMessageSuccess').implement({
  description: 'The message was stored and published to the participants.',
  fields: (t) => ({
    sessionMessage: t.field({ type: messageRef, description: 'The message.', resolve: ({ message }) => message }),
    reply: t.field({
      type: messageRef,
      nullable: true,
      description: 'The reply, WRITING at first; null when none was requested.',
      resolve: ({ reply }) => reply,
    }),
    task: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task that generates the reply; null without one, and when the message had been stored before.',
      resolve: ({ task }) => taskSource(task),
    }),
  }),
})
const sendMessageResult = defineResult(sendMessageSuccess, anyFailure, { budget: 'messages' })

const setTypingSuccess = builder.objectRef<{ readonly isTyping: boolean }>('SetTypingSuccess').implement({
  description: 'The typing state was published.',
  fields: (t) => ({
    isTyping: t.exposeBoolean('isTyping', { description: 'The typing state. True expires after 6 seconds.' }),
  }),
})
const setTypingResult = defineResult(setTypingSuccess, ['NotFoundError'], { budget: 'typing' })
const setTypingInput = builder.inputType('SetTypingInput', {
  description: 'Whether the viewer is typing.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer takes part in.' }),
    isTyping: t.boolean({ required: true, description: 'Whether the viewer is typing now.' }),
  }),
})
const sendMessageInput = builder.inputType('SendMessageInput', {
  description: 'The message to send.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer takes part in.' }),
    clientId: t.string({ required: true, description: clientIdDescription }),
    text: t.string({ required: true, description: 'Plain text: 1 to 10,000 characters.' }),
    wantsReply: t.boolean({
      defaultValue: true,
      description: 'Whether to generate a reply from the cards, as a task.',
    }),
  }),
})
builder.mutationFields((t) => ({
  sendMessage: t.field({
    type: sendMessageResult.type,
    description:
      'Sends a message to a session. The participants receive it before a reply is generated. A message with the same `clientId` is stored once.',
    args: { input: t.arg({ type: sendMessageInput, required: true, description: 'The input.' }) },
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
      'Reports to the other participants that the viewer is typing, for 6 seconds, or has stopped. Repeat it every few seconds; it has an effect only while the viewer is subscribed to the session.',
    args: { input: t.arg({ type: setTypingInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { sessionId, isTyping } }, context) =>
      setTypingResult.run(context, sessionId, async () => {
        const userId = await requirePart(context, sessionId)
        await context.sessions.setTyping(sessionId, userId, isTyping)
        return { isTyping }
      }),
  }),
}))
