import { readExamples } from '../../schema/examples.ts'
import type { Services } from '../../schema/services.ts'
import type { ReadTabs } from '../server/graphiql.ts'

/**
 * Creates the initial operations of GraphiQL: they use the visitor's own data, so that they run
 * unchanged.
 */
export function createTabs(services: Services): ReadTabs {
  return (viewer) => readExamples(services, viewer?.userId ?? null)
}
