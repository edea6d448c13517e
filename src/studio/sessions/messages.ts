import type { PoolClient } from 'pg'
import { typeid } from 'typeid-js'
import {
  type Database,
  keyReused,
  storableText,
  type Task,
  type TaskService,
  TidingsError,
  withTransaction,
} from '../../engine.ts'
import type { SessionEvent, SessionLog } from './events.ts'
import { lockSession } from './locks.ts'
import { type MessageRow, type SessionRow, toMessage, toStatistics } from './rows.ts'
import { estimateTokens, type Message } from './session.ts'

/** The kind of task that answers a message. */
export const replyKind = 'REPLY'
/** Maximum length of a message, in characters. */
const maxMessageCharacters = 10_000
const maxClientIdCharacters = 100

/** A message to send. */
interface Sending {
  readonly sessionId: string
  readonly author: string
  /** The author's own id of the message, unique per author and session. */
  readonly clientId: string
  readonly text: string
  readonly wantsReply: boolean
  readonly headStartMs: number
}

/** A range of a conversation, oldest first. */
export interface MessageRange {
  readonly messages: readonly Message[]
  readonly hasBefore: boolean
  readonly hasAfter: boolean
}

/** The messages of sessions. Access is checked by the API, and again by each change. */
export interface Messages {
  /**
   * Stores a message, and queues a reply if requested, in one transaction. Idempotent by client id:
   * sending again returns the stored message.
   * @throws TidingsError `NOT_FOUND`, `CONFLICT`, `BAD_INPUT`, `IDEMPOTENCY_KEY_REUSED`,
   * `RATE_LIMITED`
   */
  send(
    sending: Sending,
  ): Promise<{ readonly message: Message; readonly reply: Message | null; readonly task: Task | null }>
  /** Reads messages after or before a position; without either, the newest. */
  range(
    sessionId: string,
    options: {
      readonly after?: number | undefined
      readonly before?: number | undefined
      readonly limit: number
      readonly isFromStart: boolean
    },
  ): Promise<MessageRange>
}

/**
 * Validates a client-generated id.
 * @throws TidingsError `BAD_INPUT`
 */
export function requireClientId(clientId: string): void {
  if (clientId.trim() === '' || clientId.length > maxClientIdCharacters || clientId.includes('\0'))
    throw badInput('input.clientId', `A client id has 1 to ${maxClientIdCharacters} characters`)
}

/** Creates the error for an invalid value at a path of the input. */
export function badInput(path: string, message: string): TidingsError {
  return new TidingsError('BAD_INPUT', message, { issues: [{ path, message }] })
}

/** Appends a message and updates the statistics. The session must be locked. */
export async function addMessage(
  client: PoolClient,
  sessionId: string,
  draft: Pick<MessageRow, 'author' | 'client_id' | 'body' | 'status' | 'reply_to' | 'task_id'>,
): Promise<{ readonly message: Message; readonly events: readonly SessionEvent[] }> {
  const tokens = estimateTokens(draft.body)
  const { rows: sessions } = await client.query<SessionRow & { last_position: number }>(
    `update studio.session set last_position = last_position + 1, message_count = message_count + 1, token_count = token_count + $2,
       last_activity_at = clock_timestamp()
     where id = $1 returning *`,
    [sessionId, tokens],
  )
  const [session] = sessions
  if (session === undefined) throw new Error(`There is no session "${sessionId}"`)
  const { rows } = await client.query<MessageRow>(
    `insert into studio.session_message (id, session_id, position, author, client_id, body, status, reply_to, task_id, token_count, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp()) returning *`,
    [
      typeid('message').toString(),
      sessionId,
      session.last_position,
      draft.author,
      draft.client_id,
      draft.body,
      draft.status,
      draft.reply_to,
      draft.task_id,
      tokens,
    ],
  )
  const [row] = rows
  if (row === undefined) throw new Error('The message was not stored')
  const message = toMessage(row)
  return {
    message,
    events: [
      { type: 'SessionMessageAdded', payload: { message } },
      { type: 'SessionStatisticsChanged', payload: { statistics: toStatistics(session) } },
    ],
  }
}

/** Creates the store of messages. */
export function createMessages(options: {
  readonly database: Database
  readonly tasks: Pick<TaskService, 'start'>
  readonly sessionLog: SessionLog
}): Messages {
  const { database, tasks, sessionLog } = options

  /**
   * Finds the message stored under a client id.
   * @throws TidingsError `IDEMPOTENCY_KEY_REUSED` when it is a different message
   */
  const find = async (
    client: Pick<PoolClient, 'query'>,
    { sessionId, author, clientId, wantsReply }: Sending,
    text: string,
  ): Promise<{ readonly message: Message; readonly reply: Message | null } | null> => {
    const { rows } = await client.query<MessageRow>(
      `with mine as (select * from studio.session_message where session_id = $1 and author = $2 and client_id = $3)
       select * from mine union all select m.* from studio.session_message m join mine on m.reply_to = mine.id
       order by position limit 2`,
      [sessionId, author, clientId],
    )
    const [message, reply] = rows.map(toMessage)
    if (message === undefined) return null
    // A message that requests a reply is stored together with the reply.
    if (message.body !== text || (reply !== undefined) !== wantsReply)
      throw keyReused(
        'input.clientId',
        `The client id "${clientId}" was used for another message of this session; use a new one for each message`,
      )
    return { message, reply: reply ?? null }
  }
  const sendAlone = (sending: Sending, text: string): Promise<Message> =>
    withTransaction(database, async (client) => {
      const { sessionId, author, clientId } = sending
      await lockSession(client, sessionId, author)
      // Checked again under the lock, when no other request can add one.
      const existing = await find(client, sending, text)
      if (existing !== null) return existing.message
      const { message, events } = await addMessage(client, sessionId, {
        author,
        client_id: clientId,
        body: text,
        status: 'SENT',
        reply_to: null,
        task_id: null,
      })
      await sessionLog.append(client, sessionId, events)
      return message
    })

  return {
    async send(sending) {
      const { sessionId, author, clientId, wantsReply, headStartMs } = sending
      const text = storableText(sending.text).trim()
      requireClientId(clientId)
      if (text === '') throw badInput('input.text', 'The message says nothing')
      if (text.length > maxMessageCharacters)
        throw badInput(
          'input.text',
          `The message has ${text.length} characters; at most ${maxMessageCharacters} are taken`,
        )
      const existing = await find(database.pool, sending, text)
      if (existing !== null) return { ...existing, task: null }
      if (!wantsReply) return { message: await sendAlone(sending, text), reply: null, task: null }
      const { task } = await tasks.start({
        kind: replyKind,
        input: { sessionId, clientId, text },
        owner: author,
        idempotencyKey: `${sessionId} ${clientId}`,
        headStartMs,
      })
      const storedMessage = await find(database.pool, sending, text)
      if (storedMessage === null) throw new Error(`The message "${clientId}" of task "${task.id}" was not stored`)
      return { ...storedMessage, task }
    },
    async range(sessionId, { after, before, limit, isFromStart }) {
      const { rows } = await database.pool.query<MessageRow>(
        `select * from studio.session_message
         where session_id = $1 and position > $2 and position < $3
         order by position ${isFromStart ? 'asc' : 'desc'} limit $4`,
        [sessionId, after ?? 0, before ?? 2_147_483_647, limit + 1],
      )
      const page = rows.slice(0, limit).map(toMessage)
      const isMore = rows.length > limit
      return isFromStart
        ? { messages: page, hasBefore: after !== undefined && after > 0, hasAfter: isMore }
        : { messages: page.reverse(), hasBefore: isMore, hasAfter: before !== undefined }
    },
  }
}
