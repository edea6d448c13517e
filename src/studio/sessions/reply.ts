import type { PoolClient } from 'pg'
import { z } from 'zod'
import { withTimeout } from '../../async/index.ts'
import {
  advance,
  createOutputBuffer,
  createTaskDefinition,
  type Ending,
  FinalError,
  type Report,
  type Start,
  stage,
  storableJson,
  type TaskContext,
  TidingsError,
} from '../../engine.ts'
import { seedOf, toTaskFailure } from '../content/attempt.ts'
import type { ReplyProvider } from '../content/reply.ts'
import type { StudioResultOf, StudioTask } from '../task-results.ts'
import type { SessionLog } from './events.ts'
import { lockSession } from './locks.ts'
import { addMessage, replyKind } from './messages.ts'
import { readReplyMaterial } from './reply-material.ts'
import { type MessageRow, type SessionRow, toMessage, toStatistics } from './rows.ts'
import { estimateTokens, type ReplyCitation } from './session.ts'
import { areParticipants } from './sessions.ts'

const input = z.object({ sessionId: z.string(), clientId: z.string(), text: z.string() })
type Input = z.infer<typeof input>

/** Pieces of a reply that arrive within this time are appended together. */
const burstMs = 60

/**
 * Answers a message from the cards of its session. Subject: the session, so that its participants
 * may subscribe to the task and cancel it.
 *
 * The message and an empty reply are stored when the task is queued, in one transaction:
 * participants see the message before any worker starts the reply. Each piece is stored and
 * appended in the transaction of a report, so that an attempt that has lost its lease cannot add
 * anything. A new attempt visibly clears the text of the previous one and starts over.
 */
export function defineReply(provider: ReplyProvider, sessionLog: SessionLog): StudioTask<Input> {
  return createTaskDefinition({
    kind: replyKind,
    input,
    attempts: 3,
    concurrency: 8,
    stages: { reading: 10, writing: 90 },
    async begin(client, request, start) {
      const { sessionId } = request
      await lockSession(client, sessionId, start.owner)
      if (start.retriedSubject === null) await addBoth(client, sessionLog, request, start)
      else await reopen(client, sessionLog, request, start)
      return { subject: sessionId }
    },
    run: (context) => run(context, provider, sessionLog),
    settle: (client, { sessionId }, ending) => settle(client, sessionLog, sessionId, ending),
    // The session's own events inform all participants.
    announce: async () => null,
    mayWatch: areParticipants,
    mayCancel: areParticipants,
  })
}

async function addBoth(
  client: PoolClient,
  sessionLog: SessionLog,
  { sessionId, clientId, text }: Input,
  { taskId, owner }: Start,
): Promise<void> {
  const userMessage = await addMessage(client, sessionId, {
    author: owner,
    client_id: clientId,
    body: text,
    status: 'SENT',
    reply_to: null,
    task_id: null,
  })
  const reply = await addMessage(client, sessionId, {
    author: null,
    client_id: null,
    body: '',
    status: 'WRITING',
    reply_to: userMessage.message.id,
    task_id: taskId,
  })
  // Statistics are appended after both messages.
  await sessionLog.append(client, sessionId, [...userMessage.events.slice(0, 1), ...reply.events])
}

/** Regenerates a failed or stopped reply, at the same position. */
async function reopen(
  client: PoolClient,
  sessionLog: SessionLog,
  { sessionId, clientId }: Input,
  { taskId, owner }: Start,
): Promise<void> {
  const { rows } = await client.query<MessageRow>(
    `update studio.session_message m set status = 'WRITING', body = '', citations = '[]', error = null, attempt = 1, task_id = $4,
       finished_at = null
     from studio.session_message asked
     where asked.session_id = $1 and asked.author = $2 and asked.client_id = $3 and m.reply_to = asked.id
       and m.status in ('FAILED', 'STOPPED') returning m.*`,
    [sessionId, owner, clientId, taskId],
  )
  const [row] = rows
  if (row === undefined)
    throw new TidingsError('CONFLICT', 'This reply is being written already, or is there; ask again in a new message')
  await sessionLog.append(client, sessionId, [{ type: 'SessionMessageChanged', payload: { message: toMessage(row) } }])
}

async function* run(
  context: TaskContext<Input>,
  provider: ReplyProvider,
  sessionLog: SessionLog,
): AsyncGenerator<Report, StudioResultOf<'ReplyWritten'>, void> {
  const { taskId, attempt, signal, database, input: request } = context
  const { sessionId } = request
  const { rows } = await database.pool.query<MessageRow>('select * from studio.session_message where task_id = $1', [
    taskId,
  ])
  const [place] = rows
  if (place === undefined)
    throw new FinalError('SESSION_DELETED', 'The session was deleted meanwhile.', { advice: 'Begin another one.' })
  const messageId = place.id
  if (place.attempt !== attempt || place.body !== '')
    yield advance({ stage: 'reading', commit: (client) => beginAnew(client, sessionLog, messageId, attempt) })
  yield stage('reading', 0, 'Reading the cards')
  const { passages, ...material } = await readReplyMaterial(database, { sessionId, replyId: messageId })
  yield stage('writing', 0, 'Writing')
  const buffer = createOutputBuffer()
  const citations: ReplyCitation[] = []
  const write = function* (isEnd: boolean): Generator<Report, void, void> {
    for (const { offset, text } of buffer.take(isEnd))
      yield advance({
        commit: async (client) => {
          await client.query('update studio.session_message set body = body || $2 where id = $1', [messageId, text])
          const payload = { messageId, attempt, offset, text }
          await sessionLog.append(client, sessionId, [{ type: 'SessionReplyAdvanced', payload }])
        },
      })
  }
  try {
    const parts = provider.reply({ ...material, passages, seed: seedOf(taskId, attempt), signal })
    for await (const burst of inBursts(parts, burstMs)) {
      for (const part of burst) {
        const passage = part.is === 'citation' ? passages[part.passage] : undefined
        if (part.is === 'text') buffer.add('reply', part.text)
        else if (passage !== undefined)
          citations.push({
            cardId: passage.cardId,
            cardTitle: passage.source,
            sectionKey: passage.sectionKey,
            heading: passage.heading,
            page: passage.page,
            quotation: part.quotation,
          })
      }
      yield* write(false)
    }
  } catch (error) {
    throw toTaskFailure(error)
  }
  yield* write(true)
  yield advance({
    stage: 'writing',
    stagePercent: 100,
    commit: async (client) => {
      const citationsJson = JSON.stringify(storableJson(citations))
      await client.query('update studio.session_message set citations = $2 where id = $1', [messageId, citationsJson])
    },
  })
  return { type: 'ReplyWritten', sessionId, messageId }
}

/** Clears the text of an earlier attempt, visibly for all subscribers. */
async function beginAnew(
  client: PoolClient,
  sessionLog: SessionLog,
  messageId: string,
  attempt: number,
): Promise<void> {
  const { rows } = await client.query<MessageRow>(
    `update studio.session_message set body = '', citations = '[]', attempt = $2 where id = $1 returning *`,
    [messageId, attempt],
  )
  const [row] = rows
  if (row === undefined) return
  await sessionLog.append(client, row.session_id, [
    { type: 'SessionMessageChanged', payload: { message: toMessage(row) } },
  ])
}

const statuses = { COMPLETED: 'COMPLETED', FAILED: 'FAILED', CANCELED: 'STOPPED' } as const

/** The written text is kept, whatever the task's status. */
async function settle(
  client: PoolClient,
  sessionLog: SessionLog,
  sessionId: string,
  { taskId, status, error }: Ending,
): Promise<void> {
  await client.query('select from studio.session where id = $1 for no key update', [sessionId])
  const { rows } = await client.query<MessageRow>(
    `update studio.session_message set status = $2, error = $3, finished_at = clock_timestamp()
     where task_id = $1 and status = 'WRITING' returning *`,
    [taskId, statuses[status], error === null ? null : JSON.stringify(error)],
  )
  const [row] = rows
  if (row === undefined) return
  const tokens = estimateTokens(row.body)
  await client.query('update studio.session_message set token_count = $2 where id = $1', [row.id, tokens])
  const { rows: sessions } = await client.query<SessionRow>(
    `update studio.session set token_count = token_count + $2, last_activity_at = clock_timestamp() where id = $1 returning *`,
    [sessionId, tokens - row.token_count],
  )
  const message = toMessage({ ...row, token_count: tokens })
  await sessionLog.append(client, sessionId, [
    { type: 'SessionMessageChanged', payload: { message } },
    ...sessions.map((session) => ({
      type: 'SessionStatisticsChanged' as const,
      payload: { statistics: toStatistics(session) },
    })),
  ])
}

/**
 * Batches the values of a source: all that arrive within `everyMs` are yielded together, the first
 * immediately. No value is held back longer, even while the source is silent.
 */
export async function* inBursts<T>(source: AsyncIterable<T>, everyMs: number): AsyncGenerator<T[], void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let waiting: T[] = []
  let lastAt = Number.NEGATIVE_INFINITY
  let next = iterator.next()
  try {
    for (;;) {
      const leftMs = Math.max(0, lastAt + everyMs - performance.now())
      const isThere = waiting.length === 0 || (await withTimeout(leftMs, next))
      const step = isThere ? await next : undefined
      if (step?.done === true) break
      if (step !== undefined) {
        waiting.push(step.value)
        next = iterator.next()
        // Avoids an unhandled rejection when an earlier failure comes first: the error is thrown
        // when it is this promise's turn.
        next.catch(() => undefined)
      }
      if (performance.now() - lastAt < everyMs) continue
      const burst = waiting
      waiting = []
      lastAt = performance.now()
      yield burst
    }
    if (waiting.length > 0) yield waiting
  } finally {
    // Immediately, even while waiting for the next value.
    await iterator.return?.()
  }
}
