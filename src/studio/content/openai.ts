import { type Chat, createChat, type OpenAiOptions } from './openai-chat.ts'
import { createPieces } from './pieces.ts'
import { writePrompt } from './prompt.ts'
import { ContentError, type ContentProvider, type ContentRequest } from './provider.ts'

/**
 * A provider that asks any OpenAI-compatible endpoint for a streamed chat completion. It asks once: retries are the
 * caller's. What went wrong is told as in `openai-errors.ts`.
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
