import { expect } from 'vitest'
import { createExtractiveReplies } from '../../../src/studio/content/extractive/reply.ts'
import type { ReplyPart, ReplyProvider } from '../../../src/studio/content/reply.ts'
import { createSessionLog } from '../../../src/studio/sessions/events.ts'
import { defineReply } from '../../../src/studio/sessions/reply.ts'
import type { EngineConfig } from '../../../src/tasks/engine.ts'
import { type ApiFixture, startApi, viewerOf } from '../../support/api.ts'

/** Controls the replies: real quotations, or chunks that are released by the test. */
export interface Replies {
  readonly provider: ReplyProvider
  /** Sets the parts of later replies; a `wait` waits until it is released. */
  script(parts: readonly (ReplyPart | 'wait' | Error)[] | null): void
  /** Resumes everything that waits. */
  release(): void
}

/** Creates the replies; quotations until a script is set. */
export function createReplies(): Replies {
  const quoting = createExtractiveReplies()
  let parts: readonly (ReplyPart | 'wait' | Error)[] | null = null
  let gate = Promise.withResolvers<void>()
  const play = async function* (
    scripted: readonly (ReplyPart | 'wait' | Error)[],
    signal: AbortSignal,
  ): AsyncGenerator<ReplyPart> {
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
    )
    aborted.catch(() => undefined)
    let released = gate.promise
    for (const part of scripted) {
      signal.throwIfAborted()
      if (part instanceof Error) throw part
      if (part === 'wait') await Promise.race([released, aborted])
      // Taken before anyone can see the part, and respond to it by a release.
      released = gate.promise
      if (part !== 'wait') yield part
    }
  }
  return {
    provider: {
      name: 'scripted',
      reply: (request) => (parts === null ? quoting.reply(request) : play(parts, request.signal)),
    },
    script(next) {
      parts = next
    },
    release() {
      gate.resolve()
      gate = Promise.withResolvers()
    },
  }
}

/** Returns a chunk of text, as providers yield it. */
export const say = (text: string): ReplyPart => ({ is: 'text', text })

export const ada = viewerOf('ada')
export const bob = viewerOf('bob')
export const eve = viewerOf('eve')

const messageFields = `id position author clientId body status replyTo taskId attempt tokenCount error { code }
  citations { cardTitle sectionKey heading page quotation }`
export const sessionQuery = `query ($id: ID!) { session(id: $id) { id title owner closedAt present typing
  statistics { messageCount tokenCount } participants { userId isOwner } cards { id kind title text documentId }
  messages { nodes { ${messageFields} } pageInfo { hasPreviousPage startCursor } } } }`
export const watchSession = `subscription ($id: ID!, $after: Cursor) { sessionEvents(sessionId: $id, after: $after) { __typename seq cursor
  ... on SessionSnapshot { reason session { title present participants { userId } messages { nodes { ${messageFields} } } } }
  ... on SessionMessageAdded { message { ${messageFields} } }
  ... on SessionMessageChanged { message { ${messageFields} } }
  ... on SessionReplyAdvanced { messageId attempt offset text }
  ... on SessionCardAdded { card { title } }
  ... on SessionParticipantJoined { participant { userId } }
  ... on SessionParticipantLeft { userId isRemoved }
  ... on SessionStatisticsChanged { statistics { messageCount tokenCount } }
  ... on SessionPresenceChanged { present typing }
  ... on SessionClosed { closedAt } } }`

export interface SeenMessage {
  readonly id: string
  readonly position: number
  readonly author: string | null
  readonly clientId: string | null
  readonly body: string
  readonly status: string
  readonly replyTo: string | null
  readonly taskId: string | null
  readonly attempt: number
  readonly error: { readonly code: string } | null
  readonly citations: readonly { readonly cardTitle: string; readonly heading: string; readonly quotation: string }[]
}
export interface SeenSession {
  readonly id: string
  readonly title: string
  readonly closedAt: string | null
  readonly present: readonly string[]
  readonly typing: readonly string[]
  readonly statistics: { readonly messageCount: number; readonly tokenCount: number }
  readonly participants: readonly { readonly userId: string; readonly isOwner: boolean }[]
  readonly cards: readonly { readonly id: string; readonly kind: string; readonly title: string }[]
  readonly messages: {
    readonly nodes: readonly SeenMessage[]
    readonly pageInfo: { readonly hasPreviousPage: boolean; readonly startCursor: string | null }
  }
}
/** The result of a mutation. */
export interface Outcome {
  readonly __typename: string
  readonly message?: string | SeenMessage
  readonly session?: SeenSession
  readonly sessionMessage?: SeenMessage
  readonly reply?: SeenMessage | null
  readonly task?: { readonly id: string } | null
  readonly link?: {
    readonly token: string
    readonly expiresAt: string
    readonly invitation: { readonly id: string }
  } | null
  readonly card?: { readonly id: string; readonly title: string; readonly kind: string }
}

/** The API with sessions, and operations for tests. */
export interface SessionApi extends ApiFixture {
  readonly replies: Replies
  create(title?: string, viewer?: typeof ada): Promise<string>
  invite(sessionId: string, userId: string): Promise<Outcome>
  send(sessionId: string, text: string, options?: Sent): Promise<Outcome>
  mutate(field: string, args: string, variables: Record<string, unknown>, viewer?: typeof ada): Promise<Outcome>
  read(sessionId: string, viewer?: typeof ada): Promise<SeenSession>
}
interface Sent {
  readonly viewer?: typeof ada
  readonly clientId?: string
  readonly wantsReply?: boolean
}

let made = 0

/** Starts it. */
export async function startSessionApi(config: Partial<EngineConfig> = {}): Promise<SessionApi> {
  const replies = createReplies()
  const api = await startApi(config, ({ appender }) => [defineReply(replies.provider, createSessionLog(appender))])
  const mutate: SessionApi['mutate'] = async (field, args, variables, viewer = ada) => {
    const { result }: { result: Outcome } = await api.run(`mutation ${args} { __typename ${field} }`, variables, viewer)
    return result
  }
  return {
    ...api,
    replies,
    mutate,
    async create(title = 'Bread', viewer = ada) {
      const result = await mutate(
        'result: createSession(input: $input) { __typename ... on CreateSessionSuccess { session { id } } }',
        '($input: CreateSessionInput!)',
        { input: { clientId: `c_${++made}`, title } },
        viewer,
      )
      expect(result.__typename).toBe('CreateSessionSuccess')
      return result.session?.id ?? ''
    },
    invite: (sessionId, userId) =>
      mutate(
        'result: inviteToSession(input: $input) { __typename ... on Error { message } ... on InviteToSessionSuccess { session { participants { userId } } } }',
        '($input: InviteToSessionInput!)',
        { input: { sessionId, userId } },
      ),
    send: (sessionId, text, { viewer = ada, clientId = `m_${++made}`, wantsReply = false } = {}) =>
      mutate(
        `result: sendMessage(input: $input) { __typename ... on Error { message } ... on SendMessageSuccess { sessionMessage { ${messageFields} } reply { ${messageFields} } task { id } } }`,
        '($input: SendMessageInput!)',
        { input: { sessionId, clientId, text, wantsReply } },
        viewer,
      ),
    async read(sessionId, viewer = ada) {
      const { session }: { session: SeenSession } = await api.run(sessionQuery, { id: sessionId }, viewer)
      return session
    },
  }
}
