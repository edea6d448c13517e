/**
 * The classes of operations that share a budget, each with the operations per minute that one
 * caller may use by default. An address may use a multiple (`RATE_LIMIT_ADDRESS_FACTOR`), as it may
 * belong to several users.
 */
export const rateLimitClasses = {
  /** WebSockets and event streams opened; by token. */
  connections: 120,
  /** Tokens that were refused; by token. */
  failedTokens: 20,
  queries: 1_200,
  subscriptions: 600,
  /** Requests for subscriptions that are polled; a client sends 240 for one on which events arrive. */
  polls: 6_000,
  /** Mutations that are in no other class. */
  changes: 300,
  uploads: 60,
  sessions: 30,
  /** Invitations, links, attempts to join, removals, and shares. */
  invitations: 60,
  messages: 120,
  typing: 120,
  notifications: 60,
  /** Submitted quizzes. */
  submissions: 30,
} as const

/** One of the {@link rateLimitClasses}. */
export type RateLimitClass = keyof typeof rateLimitClasses

/** The operations per minute of each class; 0 is unlimited. */
export type RateLimitBudgets = Readonly<Record<RateLimitClass, number>>
