import type { Config } from '../../config.ts'
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

/** Creates the generators selected by `CONTENT_PROVIDER` and its settings. */
export function createProjectGenerators(config: Config): ProjectGenerators {
  return {
    templates: createTemplateGenerator({ paceMs: config.CONTENT_PACE_MS }),
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
