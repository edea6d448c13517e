/** The plugins and reducers of the Studio's applications, without React: `tidings/apps`. */

export {
  bringUpToDate,
  type InboxEntry,
  type InboxEvent,
  type InboxState,
  reduceInbox,
} from './notifications/reduce-inbox.ts'
export { studioPlugins } from './plugins.ts'
export { reduceSession } from './sessions/reduce-session.ts'
export {
  type SessionCard,
  type SessionEvent,
  type SessionMessage,
  type SessionParticipant,
  type SessionState,
  type SessionStatistics,
  unknownSession,
} from './sessions/session-state.ts'
