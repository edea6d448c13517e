import type { Services } from '../../schema/context.ts'
import type { GraphiqlTab } from '../server/graphiql.ts'

/** Makes the operations that GraphiQL begins with. */
export function createTabs(_services: Services): () => Promise<readonly GraphiqlTab[]> {
  return () => Promise.resolve([{ query: '{\n  viewer {\n    id\n  }\n}\n' }])
}
