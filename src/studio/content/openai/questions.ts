import { interruptible } from '../../../async/index.ts'
import { citableText, createCitationCheck } from '../citation.ts'
import { ContentError } from '../provider.ts'
import type { Question, QuestionProvider, QuestionRequest, QuestionSection } from '../question.ts'
import { type Chat, createChat, type OpenAiOptions } from './chat.ts'
import { createJsonObjects } from './json-objects.ts'
import { writeQuestionPrompt } from './question-prompt.ts'
import { isQuestionLike, readReply } from './question-reply.ts'

/** Maximum length of the source sent with one request. */
const maxSourceCharacters = 20_000
/** Maximum number of questions per request. */
const maxPerRequest = 8
/**
 * Maximum number of requests about one part of the document without a usable question, before
 * moving on to the next part.
 */
const maxFruitless = 3

/**
 * A provider that requests questions from any OpenAI-compatible endpoint, as streamed JSON: each
 * question is yielded as soon as its closing brace arrives. Invalid objects are repaired where
 * unambiguous, or requested again with the reason, a few times; citations are located in the
 * document.
 *
 * Besides the failures of `chat-errors.ts` it reports `EMPTY_ANSWER`, not retryable, when nothing
 * in the model's answers could be used.
 */
export function createOpenAiQuestions({
  readCitable = (bodies) => Promise.resolve(bodies.map(citableText)),
  ...options
}: OpenAiOptions & {
  /** Renders Markdown as `citableText`; in this process by default, which long sections occupy. */
  readonly readCitable?: (bodies: readonly string[], signal: AbortSignal) => Promise<readonly string[]>
}): QuestionProvider {
  const chat = createChat(options)
  return {
    name: 'openai',
    ask: (request) =>
      interruptible(async function* (returnSignal) {
        const { signal } = request
        signal.throwIfAborted()
        try {
          yield* askInParts(chat, readCitable, request, AbortSignal.any([signal, returnSignal]))
        } catch (error) {
          // Any failure caused by the abort is replaced with the signal's reason.
          signal.throwIfAborted()
          throw error
        }
      }),
  }
}

async function* askInParts(
  chat: Chat,
  readCitable: (bodies: readonly string[], signal: AbortSignal) => Promise<readonly string[]>,
  request: QuestionRequest,
  signal: AbortSignal,
): AsyncGenerator<Question, void, undefined> {
  const previousQuestions: Pick<Question, 'prompt' | 'answer'>[] = [...request.avoid]
  const parts = partsOf(request)
  // The model can quote only what it is shown.
  const sections = parts.flat()
  const texts = await readCitable(
    sections.map(({ body }) => body),
    signal,
  )
  const check = createCitationCheck(sections, texts)
  let questionCount = 0
  // The last complaint about unusable output; a model that only repeats itself has no more
  // questions.
  let unusable: string | undefined
  for (const [index, part] of parts.entries()) {
    // The remaining questions are shared among the remaining parts.
    const until = questionCount + Math.ceil((request.count - questionCount) / (parts.length - index))
    let complaints: string[] = []
    for (let fruitless = 0; questionCount < until && fruitless < maxFruitless; ) {
      const batchSize = Math.min(maxPerRequest, until - questionCount)
      const kinds = request.kinds.map(
        (_, turn) => request.kinds[(turn + questionCount) % request.kinds.length] ?? 'CLOZE',
      )
      const messages = writeQuestionPrompt({ ...request, kinds }, part, batchSize, previousQuestions, complaints)
      const before = questionCount
      complaints = []
      for await (const object of objectsOf(chat(messages, { seed: request.seed + previousQuestions.length, signal }))) {
        const reply = readReply(object, request, check, previousQuestions)
        if ('complaint' in reply) {
          complaints.push(reply.complaint)
          if (reply.isRepeated !== true) unusable ??= reply.complaint
        } else {
          previousQuestions.push(reply.question)
          questionCount += 1
          yield reply.question
        }
        // The rest of the answer is not needed.
        if (questionCount === until || complaints.length > 20) break
      }
      if (complaints.length === 0 && questionCount === before) {
        complaints.push('There was no JSON object with a question in it.')
        unusable ??= complaints[0]
      }
      // An answer with usable questions is no reason to give up; one with too few questions is.
      fruitless += questionCount === before ? 1 : 0
      if (questionCount > before && questionCount < until && complaints.length === 0) break
    }
  }
  if (questionCount === 0 && unusable !== undefined)
    throw new ContentError('EMPTY_ANSWER', `The provider wrote no question that could be used. ${unusable}`, {
      retryable: false,
      advice: 'Try again, or use another model (OPENAI_MODEL).',
    })
}

async function* objectsOf(pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  const objects = createJsonObjects()
  for await (const piece of pieces) for (const object of objects.add(piece)) if (isQuestionLike(object)) yield object
}

/** Parts of the document to ask about: all of a short one, windows spread over a long one. */
function partsOf({ sections, count, nearSection }: QuestionRequest): QuestionSection[][] {
  const windows: QuestionSection[][] = []
  let size = maxSourceCharacters
  for (const section of sections) {
    if (section.body.trim() === '') continue
    const cut = { ...section, body: section.body.slice(0, maxSourceCharacters) }
    if (size + cut.body.length > maxSourceCharacters) {
      windows.push([])
      size = 0
    }
    windows.at(-1)?.push(cut)
    size += cut.body.length
  }
  const near = windows.find((window) => window.some(({ key }) => key === nearSection))
  if (near !== undefined) return [near, ...windows.filter((window) => window !== near).slice(0, 2)]
  // At least four questions per window, so that no window is sent for a single question.
  const maxCount = Math.max(1, Math.ceil(count / 4))
  if (windows.length <= maxCount) return windows
  return Array.from(
    { length: maxCount },
    (_, index) => windows[Math.floor(((index + 0.5) * windows.length) / maxCount)] ?? [],
  )
}
