import { setImmediate } from 'node:timers/promises'
import { createPieces, cutIntoPieces, paced } from '../pieces.ts'
import { ContentError, type ContentProvider, type ContentRequest } from '../provider.ts'
import { createQuiz, writeQuiz } from './questions/quiz.ts'
import { createCachedReader, type Reading } from './reading.ts'
import { writeResources } from './resources.ts'
import { writeTutorial } from './tutorial.ts'

/** Options of the extractive provider. */
interface ExtractiveOptions {
  /**
   * Delay between two lines or sentences, so that a person can watch.
   * @default 0
   */
  readonly delayMs?: number
}

/** Surrounding texts of a concept that wrong answers are taken from. */
const maxAround = 12
const maxAroundCharacters = 8_000
/** A roadmap's concepts are read repeatedly, for their own pieces and around others. */
const maxReadings = 100

/**
 * A provider that needs no service: all content is extracted from the source. Tutorials are key
 * sentences, resources are links with their sentences, quizzes are sentences with a gap.
 * Deterministic: the same request always gives the same content. It takes tens of milliseconds of
 * CPU per concept and yields to the event loop between texts.
 */
export function createExtractiveProvider({ delayMs = 0 }: ExtractiveOptions = {}): ContentProvider {
  const read = createCachedReader(maxReadings)
  return {
    name: 'extractive',
    generate: (request) =>
      createPieces(request.signal, async function* (signal) {
        const markdown = await write(request, read, signal)
        yield* paced(cutIntoPieces(markdown), delayMs, signal)
      }),
  }
}

async function write(request: ContentRequest, read: (text: string) => Reading, signal: AbortSignal): Promise<string> {
  const reading = read(request.source)
  const { sentences, codeBlocks, definitions, tables, links } = reading.source
  const hasText = sentences.length + codeBlocks.length + definitions.length + tables.length > 0
  if (!hasText && links.length + request.links.length === 0)
    throw new ContentError('NOT_ENOUGH_TEXT', `There is no text about ${JSON.stringify(request.title)}`, {
      retryable: false,
      advice: 'Add some sentences about it to the document, import it again and make a new roadmap.',
    })
  if (request.piece === 'TUTORIAL') return writeTutorial(reading, request)
  if (request.piece === 'RESOURCES') return writeResources(reading, request)
  const around: Reading[] = []
  for (const text of chooseAround(request)) {
    await setImmediate()
    signal.throwIfAborted()
    around.push(read(text))
  }
  const questions = createQuiz(reading, around, request)
  if (questions.length > 0) return writeQuiz(request.title, questions)
  const note = hasText
    ? 'The text is too short for questions. Explain its point in a sentence of your own, then compare it with the tutorial.'
    : 'The text gives only links on this subject; there is nothing to ask about yet.'
  return `${writeQuiz(request.title, []).split('\n', 1)[0] ?? ''}\n\n${note}\n`
}

/** The neighbouring concepts: different in subject, but related. */
function chooseAround({ title, source, corpus }: ContentRequest): string[] {
  const own = corpus.findIndex((text) => text.startsWith(`${title}\n`) && text.endsWith(source))
  return corpus
    .map((text, index) => ({ text, distance: own === -1 ? index : Math.abs(index - own) }))
    .filter((_, index) => index !== own)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, maxAround)
    .map(({ text }) => text.slice(0, maxAroundCharacters))
}
