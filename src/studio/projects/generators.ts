import type { Config } from '../../config.ts'
import { createOpenAiGenerator } from './generate-openai.ts'
import type { ProjectGenerator } from './generator.ts'
import { createTemplateGenerator } from './templates.ts'

/** The generators that the settings allow. */
export interface ProjectGenerators {
  /** Pages of ours, for whoever chooses one. */
  readonly templates: ProjectGenerator
  /** A model, for everything else; null without a service. */
  readonly model: ProjectGenerator | null
}

/** Creates the generators: `CONTENT_PROVIDER`, and the settings that belong to it. */
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
