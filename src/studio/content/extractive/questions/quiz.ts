import { escapeMarkdown } from '../../../text/text.ts'
import { plainText, renderText } from '../codes.ts'
import { answerStems, asInSentence, type CodeName, collectEntries, type Entry, findCodeNames } from '../lexicon.ts'
import { type Phrase, stemOfPhrase, stemsIn } from '../phrases.ts'
import { createRandom, type Random } from '../random.ts'
import { isPointer, isStatement, type Reading, rankSentences } from '../reading.ts'
import type { Definition, Sentence } from '../source-text.ts'
import { chooseDistractors, makeQuantities, type Wanted } from './distractors.ts'

/** A question with one right answer; every text is Markdown. */
interface QuizQuestion {
  readonly kind: 'SENTENCE' | 'TERM' | 'CODE'
  /** The statement, with a gap `_____` for the answer. */
  readonly prompt: string
  /** Empty when too few wrong answers are known: the question then takes a free answer. */
  readonly options: readonly string[]
  readonly answer: string
  /** The passage that contains the answer. */
  readonly passage: string
  /** The heading of the passage within the source; '' when there is none. */
  readonly heading: string
}

interface Candidate {
  readonly weight: number
  /** No two questions share an answer or a passage. */
  readonly stem: string
  readonly place: string
  readonly build: () => QuizQuestion
}

const minQuestions = 3
const maxQuestions = 5
const optionCount = 4
/** Candidates beyond these are not better; each costs a search for wrong answers. */
const maxTried = 60
/** Names in code are asked for in lines of up to this length. */
const maxCodeLine = 100
const gap = '_____'

/**
 * Creates up to five questions: sentences of the source with a gap, terms it defines, names in its
 * code.
 *
 * @param around - readings of other texts, for wrong answers
 * @returns best first; empty when the source allows no question
 */
export function createQuiz(
  reading: Reading,
  around: readonly Reading[],
  { title, seed }: { readonly title: string; readonly seed: number },
): QuizQuestion[] {
  const random = createRandom(seed)
  const pools = [collectEntries(reading), around.flatMap(collectEntries)]
  const candidates = [
    ...sentenceCandidates(reading, pools, title, random),
    ...termCandidates(reading, pools, random),
    ...codeCandidates(reading, pools, random),
  ].sort((a, b) => b.weight - a.weight)
  const statements = reading.source.sentences.filter(isStatement).length + reading.source.definitions.length
  const count = Math.min(maxQuestions, Math.max(minQuestions, Math.round(statements / 2.5)))
  const questionsByStem = new Map<string, QuizQuestion>()
  const places = new Set<string>()
  let free = 0
  let triedCount = 0
  for (const { stem, place, build } of candidates) {
    if (questionsByStem.size === count || triedCount === maxTried) break
    if (questionsByStem.has(stem) || places.has(place)) continue
    triedCount += 1
    const question = build()
    // Free-answer questions are used only when there are no others.
    if (question.options.length === 0 && (questionsByStem.size > 0 || free > 0)) continue
    if (question.options.length === 0) free += 1
    questionsByStem.set(stem, question)
    places.add(place)
  }
  const questions = [...questionsByStem.values()]
  const withOptions = questions.filter(({ options }) => options.length > 0)
  return withOptions.length > 0 ? withOptions : questions
}

function sentenceCandidates(
  reading: Reading,
  pools: readonly (readonly Entry[])[],
  title: string,
  random: Random,
): Candidate[] {
  const { source } = reading
  const scores = rankSentences(reading, title, random.next)
  const titleStem = stemOfPhrase(title, source)
  const usable = source.sentences.filter((sentence) => isStatement(sentence) && !isPointer(sentence))
  const sentences = usable.length > 0 ? usable : source.sentences.filter(({ text }) => text.split(' ').length >= 3)
  return sentences.flatMap((sentence) =>
    (reading.phrases[sentence.position] ?? []).flatMap((phrase): Candidate[] => {
      if (!occursOnce(phrase, sentence, reading)) return []
      const plain = plainText(phrase.text, source)
      const weight =
        (scores[sentence.position] ?? 0) +
        (phrase.kind === 'CODE' || phrase.kind === 'NAME' ? 0.25 : 0) +
        (phrase.text.includes(' ') ? 0.15 : 0) +
        Math.min(0.3, (reading.counts.get(phrase.stem) ?? 1) * 0.06) -
        (titleStem.includes(phrase.stem) ? 0.4 : 0) -
        (plain.length > 40 ? 1 : 0) -
        (/\([^)]*$/.test(sentence.text.slice(0, phrase.start)) ? 0.4 : 0) -
        (phrase.start === 0 ? 0.1 : 0)
      const build = (): QuizQuestion => buildSentence(phrase, sentence, reading, pools, random)
      return [{ weight: weight + random.next() * 0.15, stem: phrase.stem, place: sentence.text, build }]
    }),
  )
}

/** Whether an answer occurs only once in its sentence: a second occurrence would give it away. */
export function occursOnce({ text, stem, start, end }: Phrase, sentence: Sentence, { source }: Reading): boolean {
  const rest = `${sentence.text.slice(0, start)} ${sentence.text.slice(end)}`
  if (plainText(rest, source).toLowerCase().includes(plainText(text, source).toLowerCase())) return false
  const restStems = new Set(stemsIn(rest, source))
  return !stem.split(' ').every((part) => restStems.has(part))
}

function buildSentence(
  phrase: Phrase,
  sentence: Sentence,
  reading: Reading,
  pools: readonly (readonly Entry[])[],
  random: Random,
): QuizQuestion {
  const { source } = reading
  const target: Wanted = {
    kind: phrase.kind,
    plain: plainText(phrase.text, source).toLowerCase(),
    stem: phrase.stem,
    stems: answerStems(phrase.text, source),
    sentenceStems: new Set(stemsIn(sentence.text, source)),
    sentence: plainText(sentence.text, source).toLowerCase(),
  }
  const answer = renderText(asInSentence(phrase.kind, phrase.text), source)
  const wrong =
    phrase.kind === 'NUMBER'
      ? makeQuantities(phrase.text, sentence.text, optionCount - 1, random).map(escapeMarkdown)
      : chooseDistractors(target, pools, optionCount - 1, random).map(({ shown }) => shown)
  // "an" in front of the gap would rule out half of the answers.
  const before = renderText(sentence.text.slice(0, phrase.start), source)
    .replace(/(^|\s)(a|an)( )$/i, '$1$2(n)$3')
    .replace(/\ban\(n\)/i, 'a(n)')
  const after = renderText(sentence.text.slice(phrase.end), source)
  return {
    kind: 'SENTENCE',
    prompt: `${before}${gap}${after}`,
    options: toOptions(answer, wrong, random),
    answer,
    passage: renderText(sentence.text, source),
    heading: renderText(sentence.heading, source),
  }
}

function termCandidates(reading: Reading, pools: readonly (readonly Entry[])[], random: Random): Candidate[] {
  const { source } = reading
  return source.definitions.flatMap((definition): Candidate[] => {
    const stem = stemOfPhrase(definition.term, source)
    const meaningStems = new Set(stemsIn(definition.meaning, source))
    // A meaning that contains its term gives the answer.
    if (stemsIn(definition.term, source).some((part) => meaningStems.has(part))) return []
    const build = (): QuizQuestion => buildTerm(definition, reading, pools, random)
    return [{ weight: 1 + random.next() * 0.4, stem, place: definition.meaning, build }]
  })
}

function buildTerm(
  { term, meaning }: Definition,
  reading: Reading,
  pools: readonly (readonly Entry[])[],
  random: Random,
): QuizQuestion {
  const { source } = reading
  const answer = renderText(term, source)
  const target: Wanted = {
    kind: 'TERM',
    plain: plainText(term, source).toLowerCase(),
    stem: stemOfPhrase(term, source),
    stems: answerStems(term, source),
    sentenceStems: new Set(stemsIn(meaning, source)),
    sentence: plainText(meaning, source).toLowerCase(),
  }
  const wrong = chooseDistractors(target, pools, optionCount - 1, random).map(({ shown }) => shown)
  return {
    kind: 'TERM',
    prompt: `${gap} – ${renderText(meaning, source)}`,
    options: toOptions(answer, wrong, random),
    answer,
    passage: `${answer} – ${renderText(meaning, source)}`,
    heading: '',
  }
}

function codeCandidates(reading: Reading, pools: readonly (readonly Entry[])[], random: Random): Candidate[] {
  return findCodeNames(reading).flatMap((name): Candidate[] => {
    const occurrences = name.line.split(name.name).length - 1
    if (occurrences !== 1 || name.line.length < 10 || name.line.length > maxCodeLine || /`/.test(name.line)) return []
    const build = (): QuizQuestion => buildCode(name, pools, random)
    return [{ weight: 0.6 + random.next() * 0.3, stem: name.name.toLowerCase(), place: `c${name.line}`, build }]
  })
}

function buildCode(
  { kind, name, line, start }: CodeName,
  pools: readonly (readonly Entry[])[],
  random: Random,
): QuizQuestion {
  const answer = `\`${name}\``
  const stem = name.toLowerCase()
  const target: Wanted = {
    kind,
    plain: stem,
    stem,
    stems: [stem],
    sentenceStems: new Set(),
    sentence: line.toLowerCase(),
  }
  const wrong = chooseDistractors(target, pools, optionCount - 1, random).map(({ shown }) => shown)
  return {
    kind: 'CODE',
    prompt: `\`${line.slice(0, start)}${gap}${line.slice(start + name.length)}\``,
    options: toOptions(answer, wrong, random),
    answer,
    passage: `\`${line}\``,
    heading: '',
  }
}

/** Shuffles the right answer among at least two wrong ones; empty when there are fewer. */
function toOptions(answer: string, wrong: readonly string[], random: Random): string[] {
  const different = [...new Set(wrong)].filter((option) => option.toLowerCase() !== answer.toLowerCase())
  return different.length < 2 ? [] : random.shuffle([answer, ...different])
}

const instructions: Readonly<Record<QuizQuestion['kind'], string>> = {
  SENTENCE: 'What completes the sentence?',
  TERM: 'Which term is explained here?',
  CODE: 'What is missing in this line?',
}

/** Writes questions as Markdown, the answers with their passages below. */
export function writeQuiz(title: string, questions: readonly QuizQuestion[]): string {
  const prompts = questions.flatMap(({ kind, prompt, options }, index) => [
    `## ${index + 1}. ${instructions[kind]}`,
    `> ${prompt}`,
    options.map((option, place) => `- ${letter(place)}. ${option}`).join('\n'),
  ])
  const answers = questions.map(({ answer, options, passage, heading }, index) => {
    const place = options.indexOf(answer)
    const where = heading === '' || heading === escapeMarkdown(title) ? '' : ` (${heading})`
    return `${index + 1}. **${place === -1 ? '' : `${letter(place)}. `}${answer}** – ${passage}${where}`
  })
  const parts = [`# Quiz: ${escapeMarkdown(title)}`, ...prompts, '## Answers', answers.join('\n')]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function letter(place: number): string {
  return String.fromCharCode(65 + place)
}
