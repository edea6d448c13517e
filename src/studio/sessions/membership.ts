import type { PoolClient } from 'pg'
import { typeid } from 'typeid-js'
import {
  cancelIfActive,
  createTopic,
  type Database,
  keyReused,
  storableText,
  type TaskService,
  TidingsError,
  withTransaction,
} from '../../engine.ts'
import type { SessionLog } from './events.ts'
import { lockOwnSession, lockSession } from './locks.ts'
import { badInput, replyKind, requireClientId } from './messages.ts'
import { type ParticipantRow, type SessionRow, toParticipant, toSession } from './rows.ts'
import { type Session, sessionTopic } from './session.ts'

/**
 * Participants and lifetime of sessions. All methods throw TidingsError `NOT_FOUND` when the user
 * is not a participant.
 */
export interface Membership {
  /**
   * Creates a session. Creating again with the same client id returns the same session.
   * @throws TidingsError `BAD_INPUT`, `IDEMPOTENCY_KEY_REUSED`
   */
  create(request: { readonly owner: string; readonly clientId: string; readonly title: string }): Promise<Session>
  /**
   * Adds a participant, also one who was removed; idempotent. Owner only.
   * @throws TidingsError `CONFLICT`, `BAD_INPUT`
   */
  invite(sessionId: string, owner: string, userId: string): Promise<void>
  /**
   * Leaves the session. Not possible for the owner.
   * @throws TidingsError `CONFLICT`
   */
  leave(sessionId: string, userId: string): Promise<void>
  /**
   * Removes a participant: that user's subscriptions to the session end immediately, and no link
   * admits the user again. The latter also holds for a user who has left before, or who never took
   * part. Owner only.
   * @throws TidingsError `CONFLICT`, also for a user who does not take part when
   * {@link maxRemovals} users were removed; `BAD_INPUT`
   */
  remove(sessionId: string, owner: string, userId: string): Promise<void>
  /** Closes the session: it becomes read-only, and active replies are stopped. Owner only; idempotent. */
  close(sessionId: string, owner: string): Promise<void>
}

/** Maximum number of participants per session. */
const maxParticipants = 200
/** Maximum number of removed users per session, except for those removed while they took part. */
const maxRemovals = 1_000
const maxTitleCharacters = 200
const maxUserIdCharacters = 255

function requireUserId(userId: string): void {
  if (userId.trim() === '' || userId.length > maxUserIdCharacters || userId.includes('\0'))
    throw badInput('input.userId', `A user's id has 1 to ${maxUserIdCharacters} characters`)
}

/**
 * Adds a participant to a session; no effect for a participant.
 *
 * @param steps.lock - locks the session and returns it
 * @param steps.onJoin - runs in the transaction before the user is added; not for a participant
 * @throws TidingsError `CONFLICT` when the session has too many participants
 */
export type Admit = (
  sessionId: string,
  userId: string,
  steps: {
    readonly lock: (client: PoolClient) => Promise<SessionRow>
    readonly onJoin: (client: PoolClient) => Promise<unknown>
  },
) => Promise<void>

/**
 * Stores that no link of a session admits a user. The session is locked.
 * @throws TidingsError `CONFLICT` for a user who did not take part, when too many are stored
 */
async function storeRemoval(
  client: PoolClient,
  sessionId: string,
  { userId, wasParticipant }: { readonly userId: string; readonly wasParticipant: boolean },
): Promise<void> {
  const { rows } = await client.query<{ is_stored: boolean }>(
    `with stored as (
       insert into studio.session_removal (session_id, user_id)
       select $1, $2 where $3 or (select count(*) from studio.session_removal where session_id = $1) < ${maxRemovals}
       on conflict do nothing returning user_id)
     select exists (select from stored) or
       exists (select from studio.session_removal where session_id = $1 and user_id = $2) as is_stored`,
    [sessionId, userId, wasParticipant],
  )
  if (rows[0]?.is_stored !== true)
    throw new TidingsError(
      'CONFLICT',
      `"${userId}" does not take part, and ${maxRemovals} users were removed from this session already; revoke its links instead`,
    )
}

/** Creates the function that adds participants. */
export function createAdmit({
  database,
  sessionLog,
}: {
  readonly database: Database
  readonly sessionLog: SessionLog
}): Admit {
  return (sessionId, userId, { lock, onJoin }) =>
    withTransaction(database, async (client) => {
      const session = await lock(client)
      const existing = await client.query(
        'select from studio.session_participant where session_id = $1 and user_id = $2',
        [sessionId, userId],
      )
      if (existing.rowCount !== 0) return
      await onJoin(client)
      const { rows } = await client.query<ParticipantRow>(
        `insert into studio.session_participant (session_id, user_id)
         select $1, $2 where (select count(*) from studio.session_participant where session_id = $1) < ${maxParticipants}
         returning *`,
        [sessionId, userId],
      )
      const [row] = rows
      if (row === undefined)
        throw new TidingsError('CONFLICT', `The session has ${maxParticipants} participants, and cannot take more`)
      const participant = toParticipant(row, session.owner)
      await sessionLog.append(client, sessionId, [{ type: 'SessionParticipantJoined', payload: { participant } }])
    })
}

/**
 * Creates the membership of sessions.
 * @param options.accessChanged - called when a user has lost access to a session
 */
export function createMembership(options: {
  readonly database: Database
  readonly tasks: Pick<TaskService, 'cancel'>
  readonly sessionLog: SessionLog
  readonly admit: Admit
  readonly accessChanged: (sessionId: string) => void
}): Membership {
  const { database, tasks, sessionLog, admit, accessChanged } = options

  const dismiss = async (sessionId: string, userId: string, by: string): Promise<void> => {
    await withTransaction(database, async (client) => {
      const session =
        by === userId
          ? await lockSession(client, sessionId, userId, { isClosedAllowed: true })
          : await lockOwnSession(client, sessionId, by, { isClosedAllowed: true })
      if (session.owner === userId)
        throw new TidingsError('CONFLICT', 'The owner cannot leave a session; close it instead')
      const { rowCount } = await client.query(
        'delete from studio.session_participant where session_id = $1 and user_id = $2',
        [sessionId, userId],
      )
      // Also for a user who has left before, and would be admitted by a link again.
      if (by !== userId) await storeRemoval(client, sessionId, { userId, wasParticipant: rowCount !== 0 })
      if (rowCount === 0) return
      await sessionLog.append(client, sessionId, [
        { type: 'SessionParticipantLeft', payload: { userId, isRemoved: by !== userId } },
      ])
    })
    accessChanged(sessionId)
  }
  /** Replies are stopped one by one; one that has just ended is skipped. */
  const stopReplies = async (sessionId: string): Promise<void> => {
    const { rows } = await database.pool.query<{ id: string }>(
      `select id from tidings.task where subject = $1 and kind = $2 and status in ('QUEUED', 'RUNNING', 'RETRYING')`,
      [sessionId, replyKind],
    )
    for (const { id } of rows) await cancelIfActive(tasks.cancel, id, 'The session was closed')
  }

  return {
    create: (request) =>
      withTransaction(database, async (client) => {
        const { owner, clientId } = request
        const title = storableText(request.title).trim()
        requireClientId(clientId)
        if (title === '' || title.length > maxTitleCharacters)
          throw badInput('input.title', `A title has 1 to ${maxTitleCharacters} characters`)
        const id = typeid('session').toString()
        const { rows } = await client.query<SessionRow & { is_new: boolean }>(
          `insert into studio.session (id, owner, title, client_id) values ($1, $2, $3, $4)
           on conflict (owner, client_id) do update set client_id = excluded.client_id returning *, id = $1 as is_new`,
          [id, owner, title, clientId],
        )
        const [row] = rows
        if (row === undefined) throw new Error('The session was not stored')
        if (!row.is_new && row.title !== title)
          throw keyReused(
            'input.clientId',
            `The client id "${clientId}" was used for another session; use a new one for each session`,
          )
        if (row.is_new) {
          const participants = await client.query<ParticipantRow>(
            'insert into studio.session_participant (session_id, user_id) values ($1, $2) returning *',
            [id, owner],
          )
          await createTopic(client, sessionTopic(id))
          const events = participants.rows.map((participant) => ({
            type: 'SessionParticipantJoined' as const,
            payload: { participant: toParticipant(participant, owner) },
          }))
          await sessionLog.append(client, id, events)
        }
        return toSession(row)
      }),
    async invite(sessionId, owner, userId) {
      requireUserId(userId)
      await admit(sessionId, userId, {
        lock: (client) => lockOwnSession(client, sessionId, owner),
        onJoin: (client) =>
          client.query('delete from studio.session_removal where session_id = $1 and user_id = $2', [
            sessionId,
            userId,
          ]),
      })
    },
    leave: (sessionId, userId) => dismiss(sessionId, userId, userId),
    async remove(sessionId, owner, userId) {
      requireUserId(userId)
      if (userId === owner) throw new TidingsError('CONFLICT', 'The owner cannot leave a session; close it instead')
      await dismiss(sessionId, userId, owner)
    },
    async close(sessionId, owner) {
      // The session is closed first, so that nothing new starts; the event is appended last, when
      // nothing can follow it. If interrupted in between, a repeated call completes the close.
      await withTransaction(database, async (client) => {
        await lockOwnSession(client, sessionId, owner, { isClosedAllowed: true })
        await client.query('update studio.session set closed_at = coalesce(closed_at, now()) where id = $1', [
          sessionId,
        ])
        await client.query('delete from studio.session_link where session_id = $1', [sessionId])
      })
      await stopReplies(sessionId)
      await withTransaction(database, async (client) => {
        const { closed_at } = await lockOwnSession(client, sessionId, owner, { isClosedAllowed: true })
        const closedAt = new Date(closed_at ?? Date.now()).toISOString()
        await sessionLog.append(client, sessionId, [{ type: 'SessionClosed', payload: { closedAt } }])
      })
    },
  }
}
