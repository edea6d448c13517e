/** The jobs of the built-in generator: executed by generation processes (`apart/`) only. */
import { citableText } from './citation.ts'
import { createExtractiveProvider } from './extractive/extractive.ts'
import { createExtractiveQuestions } from './extractive/questions/questions.ts'
import type { ContentRequest } from './provider.ts'
import type { Question, QuestionRequest } from './question.ts'

// They cache what they have read: the concepts of a roadmap are read for several pieces.
const provider = createExtractiveProvider()
const questions = createExtractiveQuestions()

/** Generates a piece of content. */
export function content(request: Omit<ContentRequest, 'signal'>): AsyncIterable<string> {
  return provider.generate({ ...request, signal: endless() })
}

/** Generates questions. */
export function ask(request: Omit<QuestionRequest, 'signal'>): AsyncIterable<Question> {
  return questions.ask({ ...request, signal: endless() })
}

/** Renders Markdown texts as the words in which quotations are located. */
export async function* citable(bodies: readonly string[]): AsyncGenerator<string, void, void> {
  for (const body of bodies) yield citableText(body)
}

/** The pool ends the process instead. */
function endless(): AbortSignal {
  return new AbortController().signal
}
