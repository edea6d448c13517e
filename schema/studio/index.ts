import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql'
import { builder } from './builder.ts'

import './loaders.ts'
import './task-kinds.ts'
import './task-results.ts'
import './analytics/analytics.ts'
import './admin/audit.ts'
import './admin/connection-statistics.ts'
import './document/document.ts'
import './document/document-mutations.ts'
import './document/document-import.ts'
import './document/document-search.ts'
import './document/document-updates.ts'
import './notification/notification.ts'
import './notification/notification-event.ts'
import './project/project.ts'
import './project/project-mutations.ts'
import './project/project-preview.ts'
import './quiz/question.ts'
import './quiz/quiz.ts'
import './quiz/quiz-review.ts'
import './quiz/quiz-taking.ts'
import './quiz/quiz-updates.ts'
import './roadmap/roadmap.ts'
import './roadmap/roadmap-mutations.ts'
import './roadmap/roadmap-updates.ts'
import './self-test.ts'
import './session/session.ts'
import './session/session-cards.ts'
import './session/session-event.ts'
import './session/session-membership.ts'
import './session/session-messages.ts'
import './admin/user-data.ts'
import './viewer/viewer.ts'
import './viewer/viewer-updates.ts'

/** The schema of the Studio's API: the types of the engine and of the applications. */
export const schema: GraphQLSchema = builder.toSchema({ sortSchema: false })

/** Prints the schema as text, as it is checked in: `npm run schema`. */
export function printApi(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`
}

export { createContext } from '../index.ts'
