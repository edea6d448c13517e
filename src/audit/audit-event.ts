import { redactSecrets } from '../logger.ts'

/**
 * The events of the audit log.
 *
 * - `CONNECTED`: a socket or an event stream was opened, or a client began to poll.
 * - `REFUSED`: a request, a connection or a subscription was rejected.
 * - `SUBSCRIBED`: a client subscribed to a topic.
 * - `SHARED`, `REVOKED`: permission to see a subject was granted or revoked.
 * - `LIMITED`: a limit was reached.
 * - `BROADCAST`: an administrator sent a notification to all users.
 * - `DELETED`: an administrator deleted all data of a user.
 * - `DROPPED`: a number of facts was dropped, as the database was unavailable for too long.
 */
export const auditEvents = [
  'CONNECTED',
  'REFUSED',
  'SUBSCRIBED',
  'SHARED',
  'REVOKED',
  'LIMITED',
  'BROADCAST',
  'DELETED',
  'DROPPED',
] as const
/** One of {@link auditEvents}. */
export type AuditEvent = (typeof auditEvents)[number]

/** The caller, and its address. */
export interface Caller {
  /** null without a token, and before it was read. */
  readonly userId: string | null
  readonly address: string | null
  readonly userAgent: string | null
}

/** The details of an event, apart from its caller. */
export interface AuditDetails {
  /** The subject of the event: a topic, a document. */
  readonly subject?: string | null | undefined
  /** The reason as a single term: the limit, or the error code. */
  readonly reason?: string | null | undefined
  /** The reason as text. */
  readonly detail?: string | null | undefined
}

/** An audit fact, ready to be stored. */
export interface AuditRecord {
  readonly event: AuditEvent
  readonly userId: string | null
  readonly address: string | null
  readonly userAgent: string | null
  readonly subject: string | null
  readonly reason: string | null
  readonly detail: string | null
}

/** Maximum length of a field, as fields contain input of callers. */
const maxChars = 300

/**
 * Creates a fact: without secrets, and with no field longer than 300 characters, whatever the
 * caller sent.
 */
export function toAuditRecord(
  event: AuditEvent,
  caller: Caller,
  { subject, reason, detail }: AuditDetails = {},
): AuditRecord {
  return {
    event,
    userId: clean(caller.userId),
    address: clean(caller.address),
    userAgent: clean(caller.userAgent),
    subject: clean(subject),
    reason: clean(reason),
    detail: clean(detail),
  }
}

function clean(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null
  // PostgreSQL accepts no NUL, and terminals and pages no other control characters. Truncated
  // first: redaction scans the whole text.
  const printable = text.slice(0, 2 * maxChars).replace(/\p{Cc}+/gu, ' ')
  return redactSecrets(printable).slice(0, maxChars)
}
