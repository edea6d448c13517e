import type { PoolClient } from 'pg'
import { type Database, TidingsError } from '../../engine.ts'
import { type SessionRow, sessionColumns } from './rows.ts'

/** Returns the same error for a missing session and for a user who is not a participant. */
function noSession(id: string): TidingsError {
  return new TidingsError('NOT_FOUND', `There is no session "${id}"`, { id })
}

/**
 * Checks that a user owns a session, without a lock.
 * @throws TidingsError `NOT_FOUND`, `CONFLICT`
 */
export async function requireOwnSession({ pool }: Pick<Database, 'pool'>, id: string, userId: string): Promise<void> {
  const { rows } = await pool.query<SessionRow>(sessionOfParticipant, [id, userId])
  const [session] = rows
  if (session === undefined) throw noSession(id)
  requireOwner(session, userId)
}

const sessionOfParticipant = `select ${sessionColumns} from studio.session s
  where s.id = $1 and exists (select from studio.session_participant p where p.session_id = s.id and p.user_id = $2)`

/**
 * Locks a session of a participant until the end of the transaction: all changes and additions are
 * serialised. Taken before the rows of its messages, which are taken before topics.
 *
 * @param options.isClosedAllowed - whether a closed session is accepted; false by default
 * @throws TidingsError `NOT_FOUND`, `CONFLICT` when it is closed
 */
export async function lockSession(
  client: PoolClient,
  id: string,
  userId: string,
  options: { readonly isClosedAllowed?: boolean } = {},
): Promise<SessionRow> {
  const { rows } = await client.query<SessionRow>(`${sessionOfParticipant} for no key update`, [id, userId])
  const [session] = rows
  if (session === undefined) throw noSession(id)
  if (session.closed_at !== null && options.isClosedAllowed !== true) throw closed(session)
  return session
}

/**
 * Does the same for the owner only.
 * @throws TidingsError `NOT_FOUND`, `CONFLICT`
 */
export async function lockOwnSession(
  client: PoolClient,
  id: string,
  userId: string,
  options: { readonly isClosedAllowed?: boolean } = {},
): Promise<SessionRow> {
  const session = await lockSession(client, id, userId, options)
  requireOwner(session, userId)
  return session
}

function requireOwner({ title, owner }: SessionRow, userId: string): void {
  if (owner !== userId)
    throw new TidingsError('CONFLICT', `Only the owner of session "${title}" can do this; ask ${owner}`)
}

function closed({ title }: SessionRow): TidingsError {
  return new TidingsError('CONFLICT', `The session "${title}" is closed; it can be read, and nothing is added to it`)
}
