import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql'

import './analytics.ts'
import './audit.ts'
import './connection-stats.ts'
import './document.ts'
import './document-changes.ts'
import './document-import.ts'
import './document-search.ts'
import './document-updates.ts'
import './node.ts'
import './notification.ts'
import './notification-event.ts'
import './project.ts'
import './project-changes.ts'
import './project-preview.ts'
import './question.ts'
import './quiz.ts'
import './quiz-delete.ts'
import './quiz-review.ts'
import './quiz-taking.ts'
import './quiz-updates.ts'
import './roadmap.ts'
import './roadmap-changes.ts'
import './roadmap-updates.ts'
import './self-test.ts'
import './session.ts'
import './session-cards.ts'
import './session-event.ts'
import './session-membership.ts'
import './session-talk.ts'
import './subscription.ts'
import './task.ts'
import './task-changes.ts'
import './task-delete.ts'
import './task-event.ts'
import './task-event-types.ts'
import './task-history.ts'
import './user-data.ts'
import './viewer.ts'
import './viewer-updates.ts'
import { keyOfUser } from '../src/admin/rate-limits.ts'
import { isLimited, type Viewer } from '../src/tasks/viewer.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { createLoaders } from './loaders.ts'
import type { Services } from './services.ts'

/** The schema of the API: every file of this folder has added its types. */
export const schema: GraphQLSchema = builder.toSchema({ sortSchema: false })

/** Creates the context for the resolvers of one operation. */
export function createContext(
  services: Services,
  viewer: Viewer | null,
  options: {
    readonly catchUp: boolean
    /** The address and the user agent of the client; unknown by default. */
    readonly from?: { readonly address: string; readonly userAgent: string | null } | undefined
  },
): Context {
  const { address = null, userAgent = null } = options.from ?? {}
  return {
    ...services,
    viewer,
    isLimited: viewer !== null && isLimited(viewer),
    catchUp: options.catchUp,
    loaders: createLoaders(services),
    takeBudget: async (name) =>
      services.rateLimits?.take(name, { key: keyOfUser(viewer?.userId ?? null, address), address }),
    note: (event, about) =>
      services.engine.admin.audit.note(event, { userId: viewer?.userId ?? null, address, userAgent }, about),
  }
}

/** Prints the schema as text, as it is checked in: `npm run schema`. */
export function printApi(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`
}
