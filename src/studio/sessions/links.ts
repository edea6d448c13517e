import { createHash, randomBytes } from 'node:crypto'
import { typeid } from 'typeid-js'
import { type Database, TidingsError, withTransaction } from '../../engine.ts'
import { lockOwnSession, requireOwnSession } from './locks.ts'
import type { Admit } from './membership.ts'
import { badInput } from './messages.ts'
import type { SessionRow } from './rows.ts'

/** An invitation link, without its token: only a digest of it is stored. */
export interface Invitation {
  readonly id: string
  readonly sessionId: string
  /** Whether it admits a single user. */
  readonly isSingleUse: boolean
  /** The number of users that it has admitted. */
  readonly useCount: number
  readonly createdAt: Date
  readonly expiresAt: Date
}

/** A new link. */
export interface CreatedLink {
  /** The secret part of the link; it cannot be read again. */
  readonly token: string
  readonly invitation: Invitation
}

/** The invitation links of sessions. */
export interface Links {
  /**
   * Creates an invitation link. Owner only.
   * @throws TidingsError `NOT_FOUND`, `CONFLICT`, `BAD_INPUT`
   */
  create(request: {
    readonly sessionId: string
    readonly owner: string
    readonly lifetimeMinutes: number
    readonly isSingleUse: boolean
  }): Promise<CreatedLink>
  /**
   * Lists the links of a session that are neither expired nor revoked, newest first. Owner only.
   * @throws TidingsError `NOT_FOUND`, `CONFLICT`
   */
  list(sessionId: string, owner: string): Promise<readonly Invitation[]>
  /**
   * Revokes a link: it admits no more users, and those that it has admitted stay. Owner only.
   * @returns the id of the session
   * @throws TidingsError `NOT_FOUND`, `CONFLICT`
   */
  revoke(id: string, owner: string): Promise<string>
  /**
   * Joins by a link. A participant that joins again uses up nothing.
   * @returns the id of the session
   * @throws TidingsError `NOT_FOUND`; `CONFLICT` when the link has expired or is used up, the session
   * is closed, or its owner has removed the user
   */
  join(token: string, userId: string): Promise<string>
}

/** Maximum number of links per session that have not expired. */
const maxLinks = 50
/** Maximum lifetime of a link: 30 days. */
const maxLifetimeMinutes = 43_200

/** The columns of `session_link`, named as the properties of an invitation. */
const columns = `id, session_id as "sessionId", is_single_use as "isSingleUse", use_count as "useCount", created_at as "createdAt",
  expires_at as "expiresAt"`
const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64url')
const noLink = (id: string): TidingsError => new TidingsError('NOT_FOUND', `There is no invitation "${id}"`, { id })

/** Creates the invitation links. */
export function createLinks(options: { readonly database: Database; readonly admit: Admit }): Links {
  const { database, admit } = options
  const { pool } = database
  return {
    create: ({ sessionId, owner, lifetimeMinutes, isSingleUse }) =>
      withTransaction(database, async (client) => {
        if (lifetimeMinutes < 1 || lifetimeMinutes > maxLifetimeMinutes)
          throw badInput('input.lifetimeMinutes', `A link lives for 1 to ${maxLifetimeMinutes} minutes`)
        await lockOwnSession(client, sessionId, owner)
        await client.query('delete from studio.session_link where session_id = $1 and expires_at <= now()', [sessionId])
        const token = randomBytes(24).toString('base64url')
        const { rows } = await client.query<Invitation>(
          `insert into studio.session_link (id, digest, session_id, created_by, expires_at, is_single_use)
           select $1, $2, $3, $4, now() + $5 * interval '1 minute', $6
           where (select count(*) from studio.session_link where session_id = $3) < ${maxLinks} returning ${columns}`,
          [typeid('invitation').toString(), digestOf(token), sessionId, owner, lifetimeMinutes, isSingleUse],
        )
        const [invitation] = rows
        if (invitation === undefined)
          throw new TidingsError('CONFLICT', `The session has ${maxLinks} invitation links; revoke one of them first`)
        return { token, invitation }
      }),
    async list(sessionId, owner) {
      await requireOwnSession(database, sessionId, owner)
      const { rows } = await pool.query<Invitation>(
        `select ${columns} from studio.session_link where session_id = $1 and expires_at > now() order by created_at desc, id desc`,
        [sessionId],
      )
      return rows
    },
    revoke: (id, owner) =>
      withTransaction(database, async (client) => {
        const { rows } = await client.query<{ session_id: string }>(
          `select l.session_id from studio.session_link l join studio.session_participant p using (session_id)
           where l.id = $1 and p.user_id = $2`,
          [id, owner],
        )
        const [link] = rows
        if (link === undefined) throw noLink(id)
        await lockOwnSession(client, link.session_id, owner)
        const { rowCount } = await client.query('delete from studio.session_link where id = $1', [id])
        if (rowCount === 0) throw noLink(id)
        return link.session_id
      }),
    async join(token, userId) {
      const digest = digestOf(token)
      const { rows } = await pool.query<Invitation & { isExpired: boolean }>(
        `select ${columns}, expires_at <= now() as "isExpired" from studio.session_link where digest = $1`,
        [digest],
      )
      const [link] = rows
      if (link === undefined)
        throw new TidingsError('NOT_FOUND', 'There is no such invitation, or it was revoked; ask for a new link')
      if (link.isExpired)
        throw new TidingsError(
          'CONFLICT',
          `This invitation expired at ${link.expiresAt.toISOString()}; ask for a new link`,
        )
      const { sessionId } = link
      await admit(sessionId, userId, {
        lock: async (client) => {
          const sessions = await client.query<SessionRow>(
            'select * from studio.session where id = $1 for no key update',
            [sessionId],
          )
          const [session] = sessions.rows
          if (session === undefined || session.closed_at !== null)
            throw new TidingsError('CONFLICT', 'The session of this invitation is closed')
          return session
        },
        onJoin: async (client) => {
          const removals = await client.query(
            'select from studio.session_removal where session_id = $1 and user_id = $2',
            [sessionId, userId],
          )
          if (removals.rowCount !== 0)
            throw new TidingsError(
              'CONFLICT',
              'The owner removed you from this session, so a link does not admit you; ask to be invited by name',
            )
          // Under the lock of the session, which revoking takes as well.
          const { rowCount } = await client.query(
            `update studio.session_link set use_count = use_count + 1
             where digest = $1 and (use_count = 0 or not is_single_use)`,
            [digest],
          )
          if (rowCount === 0)
            throw new TidingsError('CONFLICT', 'This invitation was used or revoked; ask for a new link')
        },
      })
      return sessionId
    },
  }
}
