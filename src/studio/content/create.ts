import type { Config } from '../../config.ts'
import { createExtractiveProvider } from './extractive.ts'
import { createOpenAiProvider } from './openai.ts'
import type { ContentProvider } from './provider.ts'

/**
 * Creates the provider that the settings name: `CONTENT_PROVIDER` and, for `openai`, the `OPENAI_…` settings.
 * Opens no connection.
 */
export function createContentProvider(config: Config): ContentProvider {
  switch (config.CONTENT_PROVIDER) {
    case 'extractive':
      return createExtractiveProvider()
    case 'openai':
      return createOpenAiProvider({
        baseUrl: config.OPENAI_BASE_URL,
        apiKey: config.OPENAI_API_KEY,
        model: config.OPENAI_MODEL,
        silenceMs: config.OPENAI_TIMEOUT_MS,
      })
  }
}
