import { setTimeout as sleep } from 'node:timers/promises'
import { interruptible } from '../../async/index.ts'
import type { StudioConfig } from '../config.ts'
import { defineJob } from './apart/job.ts'
import type { GenerationPool } from './apart/pool.ts'
import { createPieces, cutIntoPieces, paced } from './pieces.ts'
import { type ContentProvider, maxSourceCharacters } from './provider.ts'
import { maxSectionCharacters, type QuestionProvider } from './question.ts'
import type { ReplyProvider } from './reply.ts'

const jobs = new URL('./jobs.ts', import.meta.url)
const content = defineJob<typeof import('./jobs.ts'), 'content'>(jobs, 'content')
const ask = defineJob<typeof import('./jobs.ts'), 'ask'>(jobs, 'ask')
const citable = defineJob<typeof import('./jobs.ts'), 'citable'>(jobs, 'citable')

/**
 * Creates the provider selected by `CONTENT_PROVIDER` and its settings. Nothing is loaded before
 * the first request, which neither server startup nor a process that only serves should pay.
 *
 * @param pool - executes the work on the text of the document
 */
export function createContentProvider(config: StudioConfig, pool: GenerationPool): ContentProvider {
  const name = config.CONTENT_PROVIDER
  if (name === 'extractive') return extractiveContent(pool, config.CONTENT_PACE_MS)
  const load = once(async (): Promise<ContentProvider> => {
    const { createOpenAiProvider } = await import('./openai/openai.ts')
    return createOpenAiProvider(endpointOf(config))
  })
  return { name, generate: (request) => fromLoaded(async () => (await load()).generate(request)) }
}

/** Creates the configured provider of questions, in the same way. */
export function createQuestionProvider(config: StudioConfig, pool: GenerationPool): QuestionProvider {
  const name = config.CONTENT_PROVIDER
  if (name === 'extractive') return extractiveQuestions(pool, config.CONTENT_PACE_MS)
  const load = once(async (): Promise<QuestionProvider> => {
    const { createOpenAiQuestions } = await import('./openai/questions.ts')
    const readCitable = (bodies: readonly string[], signal: AbortSignal): Promise<string[]> =>
      Array.fromAsync(pool.run(citable, bodies, signal))
    return createOpenAiQuestions({ ...endpointOf(config), readCitable })
  })
  return { name, ask: (request) => fromLoaded(async () => (await load()).ask(request)) }
}

/** Creates the configured provider of replies: passages are short, so these are written in this process. */
export function createReplyProvider(config: StudioConfig): ReplyProvider {
  const name = config.CONTENT_PROVIDER
  const load = once(async (): Promise<ReplyProvider> => {
    if (name === 'extractive') {
      const { createExtractiveReplies } = await import('./extractive/reply.ts')
      return createExtractiveReplies({ delayMs: config.CONTENT_PACE_MS })
    }
    const { createOpenAiReplies } = await import('./openai/reply.ts')
    return createOpenAiReplies(endpointOf(config))
  })
  return { name, reply: (request) => fromLoaded(async () => (await load()).reply(request)) }
}

/** The extractive provider, executed by the pool; the delay between pieces occupies no process. */
function extractiveContent(pool: GenerationPool, delayMs: number): ContentProvider {
  return {
    name: 'extractive',
    generate: ({ signal: requested, ...request }) =>
      createPieces(requested, async function* (signal) {
        const input = {
          ...request,
          source: request.source.slice(0, maxSourceCharacters),
          // A tutorial is written from its own text.
          corpus: request.piece === 'TUTORIAL' ? [] : request.corpus,
        }
        const parts = await Array.fromAsync(pool.run(content, input, signal))
        yield* paced(cutIntoPieces(parts.join('')), delayMs, signal)
      }),
  }
}

/** The extractive provider of questions, executed by the pool. */
function extractiveQuestions(pool: GenerationPool, delayMs: number): QuestionProvider {
  return {
    name: 'extractive',
    ask: ({ signal: requested, ...request }) =>
      interruptible(async function* (returnSignal) {
        requested.throwIfAborted()
        const signal = AbortSignal.any([requested, returnSignal])
        const sections = request.sections.map(({ key, heading, body }) => ({
          key,
          heading,
          body: body.slice(0, maxSectionCharacters),
        }))
        let isFirst = true
        try {
          for await (const question of pool.run(ask, { ...request, sections }, signal)) {
            if (!isFirst && delayMs > 0) await sleep(delayMs, undefined, { signal })
            isFirst = false
            requested.throwIfAborted()
            yield question
          }
        } catch (error) {
          // Any failure caused by the abort is replaced with the signal's reason.
          requested.throwIfAborted()
          throw error
        }
      }),
  }
}

function endpointOf(config: StudioConfig) {
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
