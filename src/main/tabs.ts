import type { Services } from '../../schema/kit/services.ts'
import { readExamples } from '../../schema/studio/examples/examples.ts'
import type { ReadTabs } from '../server/pages/graphiql.ts'

/**
 * Creates the initial operations of GraphiQL: they use the visitor's own data, so that they run
 * unchanged.
 */
export function createTabs(services: Services): ReadTabs {
  return (viewer) => readExamples(services, viewer?.userId ?? null)
}
