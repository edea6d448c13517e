import type { StudioConfig } from '../../config.ts'
import { defineJob } from '../../content/apart/job.ts'
import type { GenerationPool } from '../../content/apart/pool.ts'
import { createOpenAiGenerator } from './generate-openai.ts'
import type { ProjectGenerator } from './generator.ts'
import { createTemplateGenerator } from './templates.ts'

/** The configured generators. */
export interface ProjectGenerators {
  /** Built-in pages, for requests that name a template. */
  readonly templates: ProjectGenerator
  /** A model, for all other requests; null without a service. */
  readonly model: ProjectGenerator | null
}

const template = defineJob<typeof import('./jobs.ts'), 'template'>(new URL('./jobs.ts', import.meta.url), 'template')

/**
 * Creates the generators selected by `CONTENT_PROVIDER` and its settings.
 *
 * @param pool - renders the templates
 */
export function createProjectGenerators(config: StudioConfig, pool: GenerationPool): ProjectGenerators {
  return {
    templates: createTemplateGenerator({
      paceMs: config.CONTENT_PACE_MS,
      write: (request, signal) => Array.fromAsync(pool.run(template, request, signal)),
    }),
    model:
      config.CONTENT_PROVIDER === 'openai'
        ? createOpenAiGenerator({
            baseUrl: config.OPENAI_BASE_URL,
            apiKey: config.OPENAI_API_KEY,
            model: config.OPENAI_MODEL,
            silenceMs: config.OPENAI_TIMEOUT_MS,
          })
        : null,
  }
}
