import { createHash, randomBytes } from 'node:crypto'
import { typeid } from 'typeid-js'
import { type Database, withTransaction } from '../../db/connect.ts'
import { TidingsError } from '../../errors.ts'
import { createTopic } from '../../log/topic.ts'
import { cancelIfActive } from '../../tasks/erase.ts'
import { keyReused } from '../../tasks/idempotency-key.ts'
import type { TaskService } from '../../tasks/service.ts'
import { storableText } from '../../tasks/storable.ts'
import type { Teller } from './events.ts'
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
   * Adds a participant; idempotent. Owner only.
   * @throws TidingsError `CONFLICT`, `BAD_INPUT`
   */
  invite(sessionId: string, owner: string, userId: string): Promise<void>
  /**
   * Creates an invitation link that any user may use until it expires. Owner only.
   * @throws TidingsError `CONFLICT`, `BAD_INPUT`
   */
  makeLink(
    sessionId: string,
    owner: string,
    lifetimeMinutes: number,
  ): Promise<{ readonly token: string; readonly expiresAt: Date }>
  /**
   * Joins by an invitation link.
   * @throws TidingsError `NOT_FOUND`, `CONFLICT` when it has expired, or the session is closed
   */
  join(token: string, userId: string): Promise<string>
  /**
   * Leaves the session. Not possible for the owner.
   * @throws TidingsError `CONFLICT`
   */
  leave(sessionId: string, userId: string): Promise<void>
  /**
   * Removes a participant: that user's subscriptions to the session end immediately. Owner only.
   * @throws TidingsError `CONFLICT`
   */
  remove(sessionId: string, owner: string, userId: string): Promise<void>
  /** Closes the session: it becomes read-only, and active replies are stopped. Owner only; idempotent. */
  close(sessionId: string, owner: string): Promise<void>
}

/** Maximum number of participants per session. */
const maxParticipants = 200
const maxTitleCharacters = 200
const maxUserIdCharacters = 255
/** Maximum lifetime of a link: 30 days. */
const maxLifetimeMinutes = 43_200

const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64url')

/**
 * Creates the membership of sessions.
 * @param options.accessChanged - called when a user has lost access to a session
 */
export function createMembership(options: {
  readonly database: Database
  readonly tasks: Pick<TaskService, 'cancel'>
  readonly teller: Teller
  readonly accessChanged: (sessionId: string) => void
}): Membership {
  const { database, tasks, teller, accessChanged } = options

  const admit = (
    sessionId: string,
    userId: string,
    lock: (client: Parameters<typeof lockSession>[0]) => Promise<SessionRow>,
  ): Promise<void> =>
    withTransaction(database, async (client) => {
      const session = await lock(client)
      const { rows } = await client.query<ParticipantRow>(
        `insert into session_participant (session_id, user_id)
         select $1, $2 where (select count(*) from session_participant where session_id = $1) < ${maxParticipants}
         on conflict do nothing returning *`,
        [sessionId, userId],
      )
      const [row] = rows
      if (row !== undefined) {
        const participant = toParticipant(row, session.owner)
        return teller.tell(client, sessionId, [{ type: 'SessionParticipantJoined', payload: { participant } }])
      }
      const { rowCount } = await client.query(
        'select from session_participant where session_id = $1 and user_id = $2',
        [sessionId, userId],
      )
      if (rowCount === 0)
        throw new TidingsError('CONFLICT', `The session has ${maxParticipants} participants, and cannot take more`)
    })
  const dismiss = async (sessionId: string, userId: string, by: string): Promise<void> => {
    await withTransaction(database, async (client) => {
      const session =
        by === userId
          ? await lockSession(client, sessionId, userId, { isClosedAllowed: true })
          : await lockOwnSession(client, sessionId, by, { isClosedAllowed: true })
      if (session.owner === userId)
        throw new TidingsError('CONFLICT', 'The owner cannot leave a session; close it instead')
      const { rowCount } = await client.query(
        'delete from session_participant where session_id = $1 and user_id = $2',
        [sessionId, userId],
      )
      if (rowCount === 0) return
      await teller.tell(client, sessionId, [
        { type: 'SessionParticipantLeft', payload: { userId, isRemoved: by !== userId } },
      ])
    })
    accessChanged(sessionId)
  }
  /** Replies are stopped one by one; one that has just ended is skipped. */
  const stopReplies = async (sessionId: string): Promise<void> => {
    const { rows } = await database.pool.query<{ id: string }>(
      `select id from task where subject = $1 and kind = $2 and status in ('QUEUED', 'RUNNING', 'RETRYING')`,
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
          `insert into session (id, owner, title, client_id) values ($1, $2, $3, $4)
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
          const joined = await client.query<ParticipantRow>(
            'insert into session_participant (session_id, user_id) values ($1, $2) returning *',
            [id, owner],
          )
          await createTopic(client, sessionTopic(id))
          const events = joined.rows.map((participant) => ({
            type: 'SessionParticipantJoined' as const,
            payload: { participant: toParticipant(participant, owner) },
          }))
          await teller.tell(client, id, events)
        }
        return toSession(row)
      }),
    async invite(sessionId, owner, userId) {
      if (userId.trim() === '' || userId.length > maxUserIdCharacters || userId.includes('\0'))
        throw badInput('input.userId', `A user's id has 1 to ${maxUserIdCharacters} characters`)
      await admit(sessionId, userId, (client) => lockOwnSession(client, sessionId, owner))
    },
    makeLink: (sessionId, owner, lifetimeMinutes) =>
      withTransaction(database, async (client) => {
        if (lifetimeMinutes < 1 || lifetimeMinutes > maxLifetimeMinutes)
          throw badInput('input.lifetimeMinutes', `A link lives for 1 to ${maxLifetimeMinutes} minutes`)
        await lockOwnSession(client, sessionId, owner)
        const token = randomBytes(24).toString('base64url')
        const { rows } = await client.query<{ expires_at: Date }>(
          `insert into session_link (digest, session_id, created_by, expires_at)
           values ($1, $2, $3, now() + $4 * interval '1 minute') returning expires_at`,
          [digestOf(token), sessionId, owner, lifetimeMinutes],
        )
        const [row] = rows
        if (row === undefined) throw new Error('The link was not stored')
        return { token, expiresAt: row.expires_at }
      }),
    async join(token, userId) {
      const { rows } = await database.pool.query<{ session_id: string; expires_at: Date; is_expired: boolean }>(
        'select session_id, expires_at, expires_at <= now() as is_expired from session_link where digest = $1',
        [digestOf(token)],
      )
      const [link] = rows
      if (link === undefined) throw new TidingsError('NOT_FOUND', 'There is no such invitation; ask for a new link')
      if (link.is_expired)
        throw new TidingsError(
          'CONFLICT',
          `This invitation expired at ${link.expires_at.toISOString()}; ask for a new link`,
        )
      await admit(link.session_id, userId, async (client) => {
        const sessions = await client.query<SessionRow>('select * from session where id = $1 for no key update', [
          link.session_id,
        ])
        const [session] = sessions.rows
        if (session === undefined || session.closed_at !== null)
          throw new TidingsError('CONFLICT', 'The session of this invitation is closed')
        return session
      })
      return link.session_id
    },
    leave: (sessionId, userId) => dismiss(sessionId, userId, userId),
    async remove(sessionId, owner, userId) {
      if (userId === owner) throw new TidingsError('CONFLICT', 'The owner cannot leave a session; close it instead')
      await dismiss(sessionId, userId, owner)
    },
    async close(sessionId, owner) {
      // The session is closed first, so that nothing new starts; the event is appended last, when
      // nothing can follow it. If interrupted in between, a repeated call completes the close.
      await withTransaction(database, async (client) => {
        await lockOwnSession(client, sessionId, owner, { isClosedAllowed: true })
        await client.query('update session set closed_at = coalesce(closed_at, now()) where id = $1', [sessionId])
        await client.query('delete from session_link where session_id = $1', [sessionId])
      })
      await stopReplies(sessionId)
      await withTransaction(database, async (client) => {
        const { closed_at } = await lockOwnSession(client, sessionId, owner, { isClosedAllowed: true })
        const closedAt = new Date(closed_at ?? Date.now()).toISOString()
        await teller.tell(client, sessionId, [{ type: 'SessionClosed', payload: { closedAt } }])
      })
    },
  }
}
