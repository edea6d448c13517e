import type { Config } from '../../config.ts'
import type { ContentProvider } from './provider.ts'
import type { QuestionProvider } from './question.ts'
import type { ReplyProvider } from './reply.ts'

/**
 * Creates the provider selected by `CONTENT_PROVIDER` and its settings.
 * Dependencies are loaded by the first request: an English dictionary or a service client takes
 * half a second, which neither server startup nor a process that only serves should pay.
 */
export function createContentProvider(config: Config): ContentProvider {
  const name = config.CONTENT_PROVIDER
  const load = once(async (): Promise<ContentProvider> => {
    if (name === 'extractive') {
      const { createExtractiveProvider } = await import('./extractive.ts')
      return createExtractiveProvider({ delayMs: config.CONTENT_PACE_MS })
    }
    const { createOpenAiProvider } = await import('./openai.ts')
    return createOpenAiProvider(endpointOf(config))
  })
  return { name, generate: (request) => fromLoaded(async () => (await load()).generate(request)) }
}

/** Creates the configured provider of questions, in the same way. */
export function createQuestionProvider(config: Config): QuestionProvider {
  const name = config.CONTENT_PROVIDER
  const load = once(async (): Promise<QuestionProvider> => {
    if (name === 'extractive') {
      const { createExtractiveQuestions } = await import('./questions-extractive.ts')
      return createExtractiveQuestions({ delayMs: config.CONTENT_PACE_MS })
    }
    const { createOpenAiQuestions } = await import('./questions-openai.ts')
    return createOpenAiQuestions(endpointOf(config))
  })
  return { name, ask: (request) => fromLoaded(async () => (await load()).ask(request)) }
}

/** Creates the configured provider of replies, in the same way. */
export function createReplyProvider(config: Config): ReplyProvider {
  const name = config.CONTENT_PROVIDER
  const load = once(async (): Promise<ReplyProvider> => {
    if (name === 'extractive') {
      const { createExtractiveReplies } = await import('./reply-extractive.ts')
      return createExtractiveReplies({ delayMs: config.CONTENT_PACE_MS })
    }
    const { createOpenAiReplies } = await import('./reply-openai.ts')
    return createOpenAiReplies(endpointOf(config))
  })
  return { name, reply: (request) => fromLoaded(async () => (await load()).reply(request)) }
}

function endpointOf(config: Config) {
  return {
    baseUrl: config.OPENAI_BASE_URL,
    apiKey: config.OPENAI_API_KEY,
    model: config.OPENAI_MODEL,
    silenceMs: config.OPENAI_TIMEOUT_MS,
  }
}

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined
  return () => {
    loading ??= load()
    return loading
  }
}

/** Wraps an iterable that is loaded lazily; nothing is loaded before the first `next()`. */
function fromLoaded<T>(load: () => Promise<AsyncIterable<T>>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]: () => {
      // The loaded implementation's iterator, so that its `return()` keeps the contract of the
      // port.
      let inner: AsyncIterator<T, unknown> | undefined
      return {
        next: async () => {
          inner ??= (await load())[Symbol.asyncIterator]()
          return inner.next()
        },
        return: async (value?: unknown) => (await inner?.return?.(value)) ?? { done: true, value: undefined },
      }
    },
  }
}
