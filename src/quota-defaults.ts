/** The objects that one user may own by default. */
export const quotaDefaults = {
  documents: 2_000,
  /** Original files of all documents, in megabytes. */
  storageMb: 2_000,
  roadmaps: 2_000,
  quizzes: 2_000,
  projects: 500,
  sessions: 1_000,
} as const

/** One of the {@link quotaDefaults}. */
export type Quota = keyof typeof quotaDefaults

/** The objects that one user may own; 0 is unlimited. */
export type QuotaLimits = Readonly<Record<Quota, number>>
