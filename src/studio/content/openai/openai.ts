import { createPieces } from '../pieces.ts'
import { ContentError, type ContentProvider, type ContentRequest } from '../provider.ts'
import { type Chat, createChat, type OpenAiOptions } from './chat.ts'
import { writePrompt } from './prompt.ts'

/**
 * A provider that requests a streamed chat completion from any OpenAI-compatible endpoint. Does not
 * retry: retries are up to the caller. Failures are mapped as in `chat-errors.ts`.
 */
export function createOpenAiProvider(options: OpenAiOptions): ContentProvider {
  const chat = createChat(options)
  return {
    name: 'openai',
    generate: (request) => createPieces(request.signal, (signal) => tidy(request.title, stream(chat, request, signal))),
  }
}

async function* stream(
  chat: Chat,
  request: ContentRequest,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const end = yield* chat(writePrompt(request), { seed: request.seed, signal })
  if (end === 'LENGTH') yield '\n\n*The answer ends here: the model’s limit was reached.*\n'
}

/**
 * Adapts an answer to the contract of the port: it begins with a heading and ends with one newline,
 * or fails when empty.
 */
async function* tidy(title: string, pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let isBegun = false
  let pendingSpace = ''
  for await (const piece of pieces) {
    const all = pendingSpace + piece
    const text = all.trimEnd()
    // White space is held back until text follows it, and dropped at the end.
    pendingSpace = all.slice(text.length)
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
