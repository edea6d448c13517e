import type { Services } from '../../schema/context.ts'
import { readExamples } from '../../schema/examples.ts'
import type { ReadTabs } from '../server/graphiql.ts'

/** Makes the operations that GraphiQL begins with: on the visitor's own data, so that they run as they are. */
export function createTabs(services: Services): ReadTabs {
  return (viewer) => readExamples(services, viewer?.userId ?? null)
}
