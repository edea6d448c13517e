import type { Services } from '../../schema/context.ts'
import { readExamples } from '../../schema/examples.ts'
import type { GraphiqlTab } from '../server/graphiql.ts'
import { localDeveloper } from '../tasks/viewer.ts'

/** Makes the operations that GraphiQL begins with: on the local developer's own data, so that they run as they are. */
export function createTabs(services: Services): () => Promise<readonly GraphiqlTab[]> {
  return () => readExamples(services, localDeveloper.userId)
}
