import { setTimeout as sleep } from 'node:timers/promises'
import { trimEndOf } from '../../text/text.ts'
import { ContentError } from '../provider.ts'
import { fieldOf, toContentError, toEndpointError, toStreamError } from './chat-errors.ts'
import { done, readChunks, type Silence } from './chat-stream.ts'
import { createThoughtFilter } from './thoughts.ts'

/** The address, credentials and model of an OpenAI-compatible endpoint. */
export interface OpenAiOptions {
  /** Includes the version: `https://api.openai.com/v1`. */
  readonly baseUrl: string
  /** Undefined for endpoints without authentication. */
  readonly apiKey: string | undefined
  readonly model: string
  /** Maximum wait for the first chunk and between two chunks; then the endpoint counts as unavailable. */
  readonly silenceMs: number
}

/** One message of a chat. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** Why an answer ended: the model finished (`STOP`), or it reached its limit in mid-answer (`LENGTH`). */
type ChatEnd = 'STOP' | 'LENGTH'

/**
 * Requests an answer and yields its text as it arrives. Does not retry: retries are up to the
 * caller. Failures are mapped as in `chat-errors.ts`. Aborting `signal` ends it; leaving the loop
 * closes the socket.
 */
export type Chat = (
  messages: readonly ChatMessage[],
  options: { readonly seed: number; readonly signal: AbortSignal },
) => AsyncGenerator<string, ChatEnd, undefined>

/**
 * Creates a client of an OpenAI-compatible endpoint with streamed chat completions. Also reads
 * answers of endpoints that do not stream.
 */
export function createChat({ baseUrl, apiKey, model, silenceMs }: OpenAiOptions): Chat {
  const url = new URL(baseUrl)
  url.pathname = `${trimEndOf(url.pathname, /\//)}/chat/completions`
  const headers = {
    'content-type': 'application/json',
    accept: 'text/event-stream, application/json',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  }
  return async function* (messages, { seed, signal }) {
    const controller = new AbortController()
    const anySignal = AbortSignal.any([signal, controller.signal])
    const silence = watchSilence(silenceMs, controller)
    try {
      const body = JSON.stringify({ model, stream: true, seed: seed % 2_147_483_647, messages })
      const response = await silence.during(fetch(url, { method: 'POST', headers, body, signal: anySignal }))
      if (!response.ok) throw toEndpointError(response, await silence.during(response.text()))
      return yield* readAnswer(readChunks(response, silence))
    } catch (error) {
      throw silence.broken() ?? toContentError(error, baseUrl)
    } finally {
      // Closes the socket of an answer that is not read to its end.
      controller.abort()
    }
  }
}

function watchSilence(silenceMs: number, controller: AbortController): Silence {
  let error: ContentError | undefined
  return {
    async during(promise) {
      const timerController = new AbortController()
      const deadline = sleep(silenceMs, undefined, { signal: timerController.signal, ref: false }).then(
        () => {
          error = new ContentError('PROVIDER_UNAVAILABLE', `The provider did not answer for ${silenceMs} ms`, {
            retryable: true,
            advice: 'Wait a little; if it lasts, raise OPENAI_TIMEOUT_MS or check the endpoint.',
          })
          controller.abort(error)
          throw error
        },
        // Never settles when data arrived before the limit.
        () => new Promise<never>(() => undefined),
      )
      try {
        return await Promise.race([promise, deadline])
      } finally {
        timerController.abort()
      }
    },
    broken: () => error,
  }
}

async function* readAnswer(chunks: AsyncIterable<unknown>): AsyncGenerator<string, ChatEnd, undefined> {
  const thoughts = createThoughtFilter()
  let reason: string | undefined
  let refusal = ''
  for await (const chunk of chunks) {
    // Endpoints that give no reason still signal the end.
    if (chunk === done) {
      reason ??= 'stop'
      // Some endpoints keep the connection open.
      break
    }
    const choice = readChunk(chunk)
    refusal += choice.refusal
    reason = choice.reason ?? reason
    const text = thoughts.filter(choice.text)
    if (text !== '') yield text
  }
  const rest = thoughts.end()
  if (rest !== '') yield rest
  if (reason === 'content_filter' || refusal !== '')
    throw new ContentError(
      'CONTENT_REFUSED',
      `The provider refused to write this${refusal === '' ? '' : `: ${refusal}`}`,
      {
        retryable: false,
        advice: 'Change the text of this concept, or use another model.',
      },
    )
  if (reason === undefined)
    throw new ContentError('PROVIDER_UNAVAILABLE', 'The provider broke off in the middle of its answer', {
      retryable: true,
      advice: 'Wait a little and try again.',
    })
  return reason === 'length' ? 'LENGTH' : 'STOP'
}

interface Choice {
  readonly text: string
  readonly refusal: string
  readonly reason: string | undefined
}

/**
 * Extracts the relevant fields of a chunk. Nothing is assumed about its shape: an endpoint may be
 * only nearly compatible.
 */
function readChunk(chunk: unknown): Choice {
  const failure = fieldOf(chunk, 'error')
  if (failure !== undefined && failure !== null) throw toStreamError(failure)
  const choices = fieldOf(chunk, 'choices')
  if (!Array.isArray(choices))
    throw new ContentError('PROVIDER_UNAVAILABLE', 'The provider sent a chunk that is not a chat completion', {
      retryable: true,
      advice: 'Check that OPENAI_BASE_URL is an OpenAI-compatible endpoint.',
    })
  const choice: unknown = choices[0]
  // An answer that is not streamed has a message instead of a delta.
  const delta = fieldOf(choice, 'delta') ?? fieldOf(choice, 'message')
  const text = fieldOf(delta, 'content')
  const refusal = fieldOf(delta, 'refusal')
  const reason = fieldOf(choice, 'finish_reason')
  return {
    text: typeof text === 'string' ? text : '',
    refusal: typeof refusal === 'string' ? refusal : '',
    reason: typeof reason === 'string' ? reason : undefined,
  }
}
