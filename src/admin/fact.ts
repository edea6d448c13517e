import { redactSecrets } from '../logger.ts'

/**
 * What is written down.
 *
 * - `CONNECTED`: a socket or an event stream was opened, or somebody began to poll.
 * - `REFUSED`: a request, a connection or a subscription was turned away.
 * - `SUBSCRIBED`: somebody watches a topic.
 * - `SHARED`, `REVOKED`: leave to see something was given or taken back.
 * - `LIMITED`: a limit was reached.
 * - `BROADCAST`: an administrator told everyone something.
 * - `DELETED`: an administrator deleted everything of a user.
 * - `DROPPED`: so many facts could not be kept, as the database was away for too long.
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

/** Who calls, and from where. */
export interface Caller {
  /** null before a token was read, and without one. */
  readonly userId: string | null
  readonly address: string | null
  readonly userAgent: string | null
}

/** What happened, beside who did it. */
export interface AuditAbout {
  /** What it is about: a topic, a document. */
  readonly subject?: string | null | undefined
  /** Why, in one word: the limit, or the code of the refusal. */
  readonly reason?: string | null | undefined
  /** The same in words. */
  readonly detail?: string | null | undefined
}

/** One fact, ready to be kept. */
export interface AuditFact {
  readonly event: AuditEvent
  readonly userId: string | null
  readonly address: string | null
  readonly userAgent: string | null
  readonly subject: string | null
  readonly reason: string | null
  readonly detail: string | null
}

/** What callers send stands in here, so nothing may be longer. */
const maxChars = 300

/** Makes a fact: without secrets, and no part of it longer than 300 characters, whatever the caller sent. */
export function toFact(event: AuditEvent, caller: Caller, { subject, reason, detail }: AuditAbout = {}): AuditFact {
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
  // PostgreSQL takes no NUL, and terminals and pages no other control characters. Cut first: redacting reads it all.
  const printable = text.slice(0, 2 * maxChars).replace(/\p{Cc}+/gu, ' ')
  return redactSecrets(printable).slice(0, maxChars)
}
