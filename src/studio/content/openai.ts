import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { toContentError } from './openai-errors.ts'
import { createPieces } from './pieces.ts'
import { writePrompt } from './prompt.ts'
import { ContentError, type ContentProvider, type ContentRequest } from './provider.ts'

/** Where an OpenAI-compatible endpoint is and how it is asked. */
export interface OpenAiOptions {
  /** With its version: `https://api.openai.com/v1`. */
  readonly baseUrl: string
  /** Undefined for endpoints that want none. */
  readonly apiKey: string | undefined
  readonly model: string
  /** Longest wait for the first and between two chunks; then the endpoint counts as away. */
  readonly silenceMs: number
}

/**
 * A provider that asks any OpenAI-compatible endpoint for a streamed chat completion. It asks once: retries are the
 * caller's. What went wrong is told as in `openai-errors.ts`.
 */
export function createOpenAiProvider({ baseUrl, apiKey, model, silenceMs }: OpenAiOptions): ContentProvider {
  const client = new OpenAI({
    baseURL: baseUrl,
    // The library insists on a key, and would otherwise read this and the next two from the environment.
    apiKey: apiKey ?? 'none',
    organization: null,
    project: null,
    maxRetries: 0,
    // Only a safety net: silence is watched here, for the answer's head as for every chunk.
    timeout: silenceMs + 60_000,
    logLevel: 'off',
  })

  async function* stream(request: ContentRequest, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const controller = new AbortController()
    const either = AbortSignal.any([signal, controller.signal])
    const silence = watchSilence(silenceMs, controller)
    try {
      const answer = await silence.during(
        client.chat.completions.create(
          { model, stream: true, seed: request.seed % 2_147_483_647, messages: writePrompt(request) },
          { signal: either },
        ),
      )
      yield* readAnswer(answer, silence)
    } catch (error) {
      throw silence.broken() ?? toContentError(error, baseUrl)
    } finally {
      // Closes the socket of an answer that is not read to its end.
      controller.abort()
    }
  }

  return {
    name: 'openai',
    generate: (request) => createPieces(request.signal, (signal) => tidy(request.title, stream(request, signal))),
  }
}

interface Silence {
  /** Waits for a promise, but not for ever. */
  during<T>(promise: PromiseLike<T>): Promise<T>
  /** The error to tell when it was silence that ended the wait. */
  broken(): ContentError | undefined
}

function watchSilence(silenceMs: number, controller: AbortController): Silence {
  let error: ContentError | undefined
  return {
    async during(promise) {
      const heard = new AbortController()
      const deadline = sleep(silenceMs, undefined, { signal: heard.signal, ref: false }).then(
        () => {
          error = new ContentError('PROVIDER_UNAVAILABLE', `The provider said nothing for ${silenceMs} ms`, {
            retryable: true,
            advice: 'Wait a little; if it lasts, raise OPENAI_TIMEOUT_MS or check the endpoint.',
          })
          controller.abort(error)
          throw error
        },
        // Cut short because something was heard.
        () => new Promise<never>(() => undefined),
      )
      try {
        return await Promise.race([promise, deadline])
      } finally {
        heard.abort()
      }
    },
    broken: () => error,
  }
}

async function* readAnswer(answer: AsyncIterable<unknown>, silence: Silence): AsyncGenerator<string, void, undefined> {
  const chunks = answer[Symbol.asyncIterator]()
  let reason: string | undefined
  let refusal = ''
  for (;;) {
    // The clock runs only while we wait, not while the caller thinks.
    const next = await silence.during(chunks.next())
    if (next.done === true) break
    const choice = readChunk(next.value)
    refusal += choice.refusal
    reason = choice.reason ?? reason
    if (choice.text !== '') yield choice.text
  }
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
  if (reason === 'length') yield '\n\n*The answer ends here: the model’s limit was reached.*\n'
}

interface Choice {
  readonly text: string
  readonly refusal: string
  readonly reason: string | undefined
}

/** The part of a chunk that matters; anything may arrive from an endpoint that is only nearly compatible. */
function readChunk(chunk: unknown): Choice {
  const choices = field(chunk, 'choices')
  if (!Array.isArray(choices))
    throw new ContentError('PROVIDER_UNAVAILABLE', 'The provider sent a chunk that is not a chat completion', {
      retryable: true,
      advice: 'Check that OPENAI_BASE_URL is an OpenAI-compatible endpoint.',
    })
  const choice: unknown = choices[0]
  const delta = field(choice, 'delta')
  const text = field(delta, 'content')
  const refusal = field(delta, 'refusal')
  const reason = field(choice, 'finish_reason')
  return {
    text: typeof text === 'string' ? text : '',
    refusal: typeof refusal === 'string' ? refusal : '',
    reason: typeof reason === 'string' ? reason : undefined,
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** Makes of an answer what the port promises: it begins with a heading and ends with one newline, or it was empty. */
async function* tidy(title: string, pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let isBegun = false
  let held = ''
  for await (const piece of pieces) {
    const all = held + piece
    const text = all.trimEnd()
    // White space waits for what follows it; at the end none is left over.
    held = all.slice(text.length)
    if (text === '') continue
    const start = isBegun ? text : text.trimStart()
    yield isBegun || start.startsWith('#') ? start : `# ${title}\n\n${start}`
    isBegun = true
  }
  if (!isBegun)
    throw new ContentError('EMPTY_ANSWER', 'The provider answered with nothing', {
      retryable: false,
      advice: 'Retry this piece, or use another model.',
    })
  yield '\n'
}
