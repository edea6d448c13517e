import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql'

import './studio/analytics/analytics.ts'
import './studio/admin/audit.ts'
import './studio/admin/connection-statistics.ts'
import './studio/document/document.ts'
import './studio/document/document-mutations.ts'
import './studio/document/document-import.ts'
import './studio/document/document-search.ts'
import './studio/document/document-updates.ts'
import './kit/node.ts'
import './studio/notification/notification.ts'
import './studio/notification/notification-event.ts'
import './studio/project/project.ts'
import './studio/project/project-mutations.ts'
import './studio/project/project-preview.ts'
import './studio/quiz/question.ts'
import './studio/quiz/quiz.ts'
import './studio/quiz/quiz-delete.ts'
import './studio/quiz/quiz-review.ts'
import './studio/quiz/quiz-taking.ts'
import './studio/quiz/quiz-updates.ts'
import './studio/roadmap/roadmap.ts'
import './studio/roadmap/roadmap-delete.ts'
import './studio/roadmap/roadmap-mutations.ts'
import './studio/roadmap/roadmap-updates.ts'
import './studio/self-test.ts'
import './studio/session/session.ts'
import './studio/session/session-cards.ts'
import './studio/session/session-event.ts'
import './studio/session/session-membership.ts'
import './studio/session/session-messages.ts'
import './task/task-progress.ts'
import './task/task.ts'
import './task/task-mutations.ts'
import './task/task-delete.ts'
import './task/task-event.ts'
import './task/task-event-types.ts'
import './task/task-history.ts'
import './studio/admin/user-data.ts'
import './studio/viewer/viewer.ts'
import './studio/viewer/viewer-updates.ts'
import { keyOfUser } from '../src/audit/rate-limits.ts'
import { isLimited, type Viewer } from '../src/tasks/model/viewer.ts'
import { builder } from './kit/builder.ts'
import type { Context } from './kit/context.ts'
import { createLoaders } from './kit/loaders.ts'
import type { Services } from './kit/services.ts'

/** The schema of the API: every file of this folder has added its types. */
export const schema: GraphQLSchema = builder.toSchema({ sortSchema: false })

/** Creates the context for the resolvers of one operation. */
export function createContext(
  services: Services,
  viewer: Viewer | null,
  options: {
    readonly catchUp: boolean
    /** The address, its network and the user agent of the client; unknown by default. */
    readonly from?:
      | { readonly address: string; readonly network: string; readonly userAgent: string | null }
      | undefined
  },
): Context {
  const { address = null, network = null, userAgent = null } = options.from ?? {}
  return {
    ...services,
    viewer,
    isLimited: viewer !== null && isLimited(viewer),
    catchUp: options.catchUp,
    loaders: createLoaders(services),
    takeBudget: async (name) =>
      services.rateLimits?.take(name, { key: keyOfUser(viewer?.userId ?? null, network), network }),
    note: (event, about) =>
      services.engine.admin.audit.note(event, { userId: viewer?.userId ?? null, address, userAgent }, about),
  }
}

/** Prints the schema as text, as it is checked in: `npm run schema`. */
export function printApi(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`
}
