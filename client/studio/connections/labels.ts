import type { AuditEvent, TransportKind } from '../../gql/graphql.ts'

/** The display names of transports. */
export const transportNames: Readonly<Record<TransportKind, string>> = {
  WEBSOCKET: 'WebSocket',
  SSE: 'Event stream',
  POLLING: 'Polling',
}

/** The display names of audit events. */
export const eventNames: Readonly<Record<AuditEvent, string>> = {
  CONNECTED: 'Connected',
  REFUSED: 'Refused',
  SUBSCRIBED: 'Subscribed',
  SHARED: 'Shared',
  REVOKED: 'Revoked',
  LIMITED: 'Limit reached',
  BROADCAST: 'Broadcast',
  DELETED: 'Deleted a user',
  DROPPED: 'Dropped',
}

/** The display names of the connection types that the audit log contains. */
const subjectNames: Readonly<Record<string, string>> = {
  ws: 'WebSocket',
  sse: 'Event stream',
  polling: 'Polling',
  http: 'Request',
}

/** Returns the display name of an audit entry's subject. */
export function describeSubject(subject: string): string {
  return subjectNames[subject] ?? subject
}

/**
 * Returns the most informative part of a user agent: `Firefox 140`, `Chrome 139`, `curl 8.5.0` …
 */
export function describeAgent(agent: string | null | undefined): string {
  if (agent === null || agent === undefined) return 'Unknown client'
  const match = /(Firefox|Edg|OPR|HeadlessChrome|Chrome|Version(?=.*Safari))\/(\d+)/.exec(agent)
  if (match === null) return agent.replace('/', ' ').slice(0, 40)
  const [, name = '', version = ''] = match
  const names: Readonly<Record<string, string>> = {
    Edg: 'Edge',
    OPR: 'Opera',
    HeadlessChrome: 'Chrome, headless',
    Version: 'Safari',
  }
  return `${names[name] ?? name} ${version}`
}

/** Formats an age: `3 s`, `12 min`, `5 h`, `2 d`. */
export function describeAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
