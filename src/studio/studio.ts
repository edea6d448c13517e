import type { Config } from '../config.ts'
import type { TaskDefinition } from '../tasks/define-task.ts'
import type { Engine } from '../tasks/engine.ts'
import { createContentProvider } from './content/create.ts'
import { defineConvertDocument } from './documents/convert-document.ts'
import { createDocuments, type Documents } from './documents/documents.ts'
import { defineCreateRoadmap } from './roadmaps/create-roadmap.ts'
import { defineRetryContent, defineRetryFailedContent } from './roadmaps/retry-content.ts'
import { createRoadmaps, type Roadmaps } from './roadmaps/roadmaps.ts'

/** The applications' stores. */
export interface Applications {
  readonly documents: Documents
  readonly roadmaps: Roadmaps
}

/** The kinds of task of all applications: what the engine is started with. */
export function createTaskDefinitions(config: Config): readonly TaskDefinition[] {
  const provider = createContentProvider(config)
  // A service answers several requests at once; the extractive provider would only take turns with itself.
  const concurrency = provider.name === 'extractive' ? 1 : 4
  return [
    defineConvertDocument({ maxBytes: config.MAX_UPLOAD_BYTES }),
    defineCreateRoadmap(provider, { concurrency }),
    defineRetryContent(provider),
    defineRetryFailedContent(provider, { concurrency }),
  ]
}

/** Opens the applications' stores on a running engine. */
export function createApplications({ database, store, tasks }: Engine): Applications {
  return {
    documents: createDocuments({ database, store, tasks }),
    roadmaps: createRoadmaps({ database }),
  }
}
