import type { SessionMessage } from '../../../client/apps/sessions/session-state.ts'

/** Creates a message of a session, without author and text unless they are given. */
export function makeMessage(position: number, rest: Partial<SessionMessage> = {}): SessionMessage {
  return {
    id: `m${position}`,
    position,
    author: null,
    clientId: null,
    body: '',
    status: 'SENT',
    replyTo: null,
    taskId: null,
    attempt: 1,
    citations: [],
    error: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    ...rest,
  }
}
