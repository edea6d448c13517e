import { createBatchLoader } from '../../async/index.ts'
import {
  type Appender,
  type Database,
  havePairs,
  type Presence,
  type Present,
  type TaskService,
  type Watcher,
} from '../../engine.ts'
import { type Cards, createCards } from './cards.ts'
import { createSessionLog } from './events.ts'
import { createLinks, type Links } from './links.ts'
import { createAdmit, createMembership, type Membership } from './membership.ts'
import { createMessages, type Messages } from './messages.ts'
import {
  type CardRow,
  type MessageRow,
  type ParticipantRow,
  type SessionRow,
  sessionColumns,
  toCard,
  toMessage,
  toParticipant,
  toSession,
} from './rows.ts'
import { type Card, type Message, type Participant, type Session, sessionTopic } from './session.ts'

/** A complete session at one position of its log. */
export interface SessionState {
  readonly session: Session
  readonly participants: readonly Participant[]
  readonly cards: readonly Card[]
  /** The newest ones, oldest first. */
  readonly messages: readonly Message[]
  readonly present: readonly Present[]
}

/** The sessions of all users. Access is checked by the API. */
export interface Sessions {
  readonly membership: Membership
  readonly links: Links
  readonly messages: Messages
  readonly cards: Cards
  /** In the order of `ids`; null for unknown ids. */
  getMany(ids: readonly string[]): Promise<readonly (Session | null)[]>
  /**
   * Whether a user is a participant. Calls in one tick share a query, as access is checked
   * repeatedly for all subscribers.
   */
  isParticipant(sessionId: string, userId: string): Promise<boolean>
  /** Lists the sessions of a participant, newest first. */
  list(options: {
    readonly userId: string
    /** Restricts to these sessions; null for no restriction. */
    readonly sessionIds: readonly string[] | null
    readonly before?: { readonly createdAt: Date; readonly id: string } | undefined
    readonly limit: number
  }): Promise<readonly Session[]>
  /** In the order of the sessions, each by time of joining. */
  participantsOf(sessions: readonly Session[]): Promise<readonly (readonly Participant[])[]>
  /** In the order of the sessions, each by time of adding. */
  cardsOf(sessionIds: readonly string[]): Promise<readonly (readonly Card[])[]>
  /**
   * Returns the current state and the seq at which it holds; null when there is no such session.
   * Calls in one tick share a query.
   */
  snapshot(id: string): Promise<{ readonly seq: number; readonly state: SessionState } | null>
  /** Sets whether a user is typing; expires after some seconds. Ignored for a user who is not present. */
  setTyping(sessionId: string, userId: string, isTyping: boolean): Promise<void>
}

/** Number of messages in a snapshot; older ones are read on demand. */
export const snapshotMessages = 50
/** The presence mark of a typing user; it expires unless renewed. */
export const typingMark = 'typing'
const typingMs = 6_000

interface SnapshotRow extends SessionRow {
  seq: number
  participants: ParticipantRow[]
  cards: CardRow[]
  messages: MessageRow[]
}

/**
 * Creates the store of sessions.
 * @param options.accessChanged - called when a user has lost access to a session
 */
export function createSessions(options: {
  readonly database: Database
  readonly appender: Appender
  readonly presence: Presence
  readonly tasks: TaskService
  readonly accessChanged: (sessionId: string) => void
}): Sessions {
  const { database, appender, presence, tasks, accessChanged } = options
  const { pool } = database
  const sessionLog = createSessionLog(appender)

  const snapshot = createBatchLoader<string, { readonly seq: number; readonly state: SessionState } | null>(
    async (ids) => {
      const [{ rows }, present] = await Promise.all([
        pool.query<SnapshotRow>(
          `select t.seq, ${sessionColumns},
           (select jsonb_agg(to_jsonb(p) order by p.joined_at, p.user_id) from studio.session_participant p where p.session_id = s.id) as participants,
           coalesce((select jsonb_agg(to_jsonb(c) order by c.created_at, c.id) from studio.session_card c where c.session_id = s.id), '[]') as cards,
           coalesce((select jsonb_agg(to_jsonb(m) order by m.position) from (
             select * from studio.session_message where session_id = s.id order by position desc limit ${snapshotMessages}
           ) m), '[]') as messages
         from studio.session s join tidings.topic t on t.name = 'session:' || s.id where s.id = any($1::text[])`,
          [ids],
        ),
        Promise.all(ids.map((id) => presence.list(sessionTopic(id)))),
      ])
      const byId = new Map(rows.map((row) => [row.id, row]))
      return ids.map((id, index) => {
        const row = byId.get(id)
        if (row === undefined) return null
        return {
          seq: row.seq,
          state: {
            session: toSession(row),
            participants: row.participants.map((participant) => toParticipant(participant, row.owner)),
            cards: row.cards.map(toCard),
            messages: row.messages.map(toMessage),
            present: present[index] ?? [],
          },
        }
      })
    },
  )

  const admit = createAdmit({ database, sessionLog })
  const isParticipant = createBatchLoader((pairs: readonly Watcher[]) => areParticipants(database, pairs))

  return {
    membership: createMembership({ database, tasks, sessionLog, admit, accessChanged }),
    links: createLinks({ database, admit }),
    messages: createMessages({ database, tasks, sessionLog }),
    cards: createCards({ database, sessionLog }),
    snapshot,
    async getMany(ids) {
      const { rows } = await pool.query<SessionRow>(
        `select ${sessionColumns} from studio.session s where s.id = any($1::text[])`,
        [ids],
      )
      const byId = new Map(rows.map((row) => [row.id, toSession(row)]))
      return ids.map((id) => byId.get(id) ?? null)
    },
    isParticipant: (sessionId, userId) => isParticipant([sessionId, userId]),
    async list({ userId, sessionIds, before, limit }) {
      const { rows } = await pool.query<SessionRow>(
        `select ${sessionColumns} from studio.session s join studio.session_participant p on p.session_id = s.id and p.user_id = $1
         where ($2::timestamptz is null or (s.created_at, s.id) < ($2::timestamptz, $3::text))
           and ($5::text[] is null or s.id = any($5::text[]))
         order by s.created_at desc, s.id desc limit $4`,
        [userId, before?.createdAt ?? null, before?.id ?? null, limit, sessionIds],
      )
      return rows.map(toSession)
    },
    async participantsOf(sessions) {
      const { rows } = await pool.query<ParticipantRow>(
        'select * from studio.session_participant where session_id = any($1::text[]) order by joined_at, user_id',
        [sessions.map(({ id }) => id)],
      )
      const bySession = Map.groupBy(rows, ({ session_id }) => session_id)
      return sessions.map(({ id, owner }) => (bySession.get(id) ?? []).map((row) => toParticipant(row, owner)))
    },
    async cardsOf(sessionIds) {
      const { rows } = await pool.query<CardRow>(
        'select * from studio.session_card where session_id = any($1::text[]) order by created_at, id',
        [sessionIds],
      )
      const bySession = Map.groupBy(rows, ({ session_id }) => session_id)
      return sessionIds.map((id) => (bySession.get(id) ?? []).map(toCard))
    },
    setTyping: (sessionId, userId, isTyping) =>
      presence.mark(sessionTopic(sessionId), userId, isTyping ? typingMark : null, typingMs),
  }
}

const participants = { table: 'studio.session_participant', columns: ['session_id', 'user_id'] } as const

/** Returns whether each user is a participant of its session, in the order of `pairs`. */
export function areParticipants(database: Database, pairs: readonly Watcher[]): Promise<readonly boolean[]> {
  return havePairs(database, participants, pairs)
}
