import type { Config } from '../../config.ts'
import type { ContentProvider, ContentRequest } from './provider.ts'

/**
 * Creates the provider that the settings name: `CONTENT_PROVIDER`, and the settings that belong to it.
 *
 * What it works with is loaded by the first request: a dictionary of English or a client of a service, half a second
 * that neither the start of the server nor a process that only serves should pay.
 */
export function createContentProvider(config: Config): ContentProvider {
  const name = config.CONTENT_PROVIDER
  let loading: Promise<ContentProvider> | undefined
  const load = async (): Promise<ContentProvider> => {
    if (name === 'extractive') {
      const { createExtractiveProvider } = await import('./extractive.ts')
      return createExtractiveProvider({ delayMs: config.CONTENT_PACE_MS })
    }
    const { createOpenAiProvider } = await import('./openai.ts')
    return createOpenAiProvider({
      baseUrl: config.OPENAI_BASE_URL,
      apiKey: config.OPENAI_API_KEY,
      model: config.OPENAI_MODEL,
      silenceMs: config.OPENAI_TIMEOUT_MS,
    })
  }
  return {
    name,
    generate: (request: ContentRequest) => ({
      [Symbol.asyncIterator]: () => {
        // The iterator of the one that is loaded, so that its `return()` keeps what the port promises.
        let inner: AsyncIterator<string, unknown> | undefined
        return {
          next: async () => {
            loading ??= load()
            inner ??= (await loading).generate(request)[Symbol.asyncIterator]()
            return inner.next()
          },
          return: async (value?: unknown) => (await inner?.return?.(value)) ?? { done: true, value: undefined },
        }
      },
    }),
  }
}
