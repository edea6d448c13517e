'use client'

/** The hooks of the applications of the Studio: `tidings/apps/react`. */
export { type LiveInbox, useInbox } from './notifications/use-inbox.ts'
export { RetryButton } from './roadmaps/retry-button.tsx'
export { type RetryContent, useRetryContent } from './roadmaps/use-retry-content.ts'
export type { UnsentMessage } from './sessions/unsent.ts'
export { type LiveSession, useSession } from './sessions/use-session.ts'
export type { ViewerState } from './viewer/reduce-viewer.ts'
export { type LiveViewerUpdates, useViewerUpdates } from './viewer/use-viewer-updates.ts'
