import { escapeMarkdown, trimEndOf } from '../../../text/text.ts'
import { type Difficulty, gap, type Question, type QuestionKind } from '../../question.ts'
import { plainText } from '../codes.ts'
import { asInSentence, type EntryKind } from '../lexicon.ts'
import { stemsIn } from '../phrases.ts'
import type { Random } from '../random.ts'
import { turnAround } from './opposites.ts'
import { type Candidate, type Subject, shown } from './question-candidates.ts'
import type { Material, Passage } from './question-material.ts'
import { asOption, otherMeanings, wrongPhrases } from './question-wrong-answers.ts'

/** A question without a located citation. */
type Draft = Omit<Question, 'citation'> & { readonly quotation: string }

/** The shared inputs for creating questions. */
interface Workshop {
  readonly material: Material
  readonly random: Random
  /** Whether the next statement should be false. */
  readonly wantsFalse: boolean
}

type Maker<S extends Subject> = (subject: S, candidate: Candidate, workshop: Workshop) => Draft | undefined
type SubjectOf<I extends Subject['is']> = Extract<Subject, { readonly is: I }>

/**
 * Creates a question of a kind; undefined when the candidate does not allow one, e.g. for lack of
 * plausible wrong answers.
 */
export function makeQuestion(kind: QuestionKind, candidate: Candidate, workshop: Workshop): Draft | undefined {
  const { subject } = candidate
  switch (subject.is) {
    case 'PHRASE':
      return phraseMakers[kind](subject, candidate, workshop)
    case 'OPPOSITE':
      return kind === 'TRUE_FALSE' ? oppositeStatement(subject, candidate, workshop) : undefined
    case 'TERM':
      return termMakers[kind](subject, candidate, workshop)
  }
}

const phraseMakers: Readonly<Record<QuestionKind, Maker<SubjectOf<'PHRASE'>>>> = {
  MULTIPLE_CHOICE(subject, candidate, workshop) {
    const { passage } = candidate
    const wrong = wrongPhrases(subject, passage, workshop, 3)
    if (wrong.length < 2) return undefined
    const { answer, sentence } = partsOf(subject, passage)
    return {
      kind: 'MULTIPLE_CHOICE',
      prompt: `Which option completes the sentence${about(passage, subject.phrase.stem)}?\n\n> ${sentence.withGap}`,
      options: workshop.random.shuffle([answer, ...wrong]),
      answer,
      alternatives: [],
      explanation: `The text says: ${sentence.withAnswer}`,
      difficulty: difficultyOf(candidate, workshop, 0),
      quotation: sentence.plain,
    }
  },
  CLOZE(subject, candidate, workshop) {
    const { passage } = candidate
    const { phrase } = subject
    const { sentence, plain } = partsOf(subject, passage)
    // A common word could be expressed in another way; a name, a number or a term of the document
    // could not.
    const isCommon = phrase.kind === 'SINGULAR' || phrase.kind === 'PLURAL' || phrase.kind === 'WORD'
    if (isCommon && !workshop.material.isTerm(phrase.stem)) return undefined
    if (plain.length > 28) return undefined
    const words = plain.split(/\s+/).length
    const hint = isCommon ? ` It begins with “${plain.slice(0, 1)}”${words > 1 ? ` and has ${words} words` : ''}.` : ''
    return {
      kind: 'CLOZE',
      prompt: `Fill the gap${about(passage, phrase.stem)}.${hint}\n\n> ${sentence.withGap}`,
      options: [],
      answer: plain,
      alternatives: alternativesOf(plain, phrase.kind),
      explanation: `The text says: ${sentence.withAnswer}`,
      difficulty: difficultyOf(candidate, workshop, 1),
      quotation: sentence.plain,
    }
  },
  TRUE_FALSE(subject, candidate, workshop) {
    const { passage } = candidate
    const { answer, sentence } = partsOf(subject, passage)
    // Exchanging common words gives sentences that are odd rather than false.
    const isTelling =
      subject.phrase.kind !== 'SINGULAR' && subject.phrase.kind !== 'PLURAL' && subject.phrase.kind !== 'WORD'
    if (workshop.wantsFalse && !isTelling && !subject.phrase.text.includes(' ')) return undefined
    // The capital of a sentence's first word would have to be moved to the replacement.
    const [wrong] =
      workshop.wantsFalse && (isTelling || subject.phrase.start > 0) ? wrongPhrases(subject, passage, workshop, 1) : []
    if (workshop.wantsFalse !== (wrong !== undefined)) return undefined
    return statement(candidate, workshop, subject.phrase.stem, {
      statement: wrong === undefined ? sentence.whole : sentence.fill(wrong),
      truth: wrong === undefined ? sentence.whole : sentence.withAnswer,
      ...(wrong === undefined ? {} : { wrong, right: answer }),
      quotation: sentence.plain,
    })
  },
}

function oppositeStatement(
  { sentence }: SubjectOf<'OPPOSITE'>,
  candidate: Candidate,
  workshop: Workshop,
): Draft | undefined {
  const { passage } = candidate
  const question = turnAround(sentence.text)
  if (question === undefined) return undefined
  const { before, from, to, after } = question
  const text = (middle: string): string => `${shown(before, passage)}${middle}${shown(after, passage)}`
  return statement(candidate, workshop, '', {
    statement: text(workshop.wantsFalse ? to : from),
    truth: text(workshop.wantsFalse ? `**${from}**` : from),
    ...(workshop.wantsFalse ? { wrong: to, right: from } : {}),
    quotation: plainText(sentence.text, passage.reading.source),
  })
}

const termMakers: Readonly<Record<QuestionKind, Maker<SubjectOf<'TERM'>>>> = {
  MULTIPLE_CHOICE({ definition }, candidate, workshop) {
    const { passage } = candidate
    const { source } = passage.reading
    const wrong = workshop.random.shuffle(otherMeanings(definition.meaning, candidate)).slice(0, 3)
    if (wrong.length < 3) return undefined
    const answer = asOption(shown(definition.meaning, passage))
    const term = shown(definition.term, passage)
    return {
      kind: 'MULTIPLE_CHOICE',
      prompt: `What does the text say about ${term}${about(passage, candidate.stem)}?`,
      options: workshop.random.shuffle([answer, ...wrong]),
      answer,
      alternatives: [],
      explanation: `The text says of ${term}: ${answer}`,
      difficulty: 'MEDIUM',
      quotation: `${plainText(definition.term, source)} – ${plainText(definition.meaning, source)}`,
    }
  },
  CLOZE({ definition }, candidate) {
    const { passage } = candidate
    const { source } = passage.reading
    const term = plainText(definition.term, source)
    if (term.length > 28 || /[\s,]/.test(term.trim())) return undefined
    return {
      kind: 'CLOZE',
      prompt: `Which term is this${about(passage, candidate.stem)}?\n\n> ${gap}: ${shown(definition.meaning, passage)}`,
      options: [],
      answer: term,
      alternatives: alternativesOf(term, 'TERM'),
      explanation: `The text says of ${shown(definition.term, passage)}: ${shown(definition.meaning, passage)}`,
      difficulty: 'HARD',
      quotation: `${term} – ${plainText(definition.meaning, source)}`,
    }
  },
  TRUE_FALSE({ definition }, candidate, workshop) {
    const { passage } = candidate
    const { source } = passage.reading
    const term = shown(definition.term, passage)
    const right = asOption(shown(definition.meaning, passage))
    const [wrong] = workshop.wantsFalse ? workshop.random.shuffle(otherMeanings(definition.meaning, candidate)) : []
    if (workshop.wantsFalse && wrong === undefined) return undefined
    return statement(candidate, workshop, candidate.stem, {
      statement: `${term}: ${wrong ?? right}`,
      truth: `${term}: ${right}`,
      quotation: `${plainText(definition.term, source)} – ${plainText(definition.meaning, source)}`,
    })
  },
}

interface Statement {
  readonly statement: string
  readonly truth: string
  readonly wrong?: string
  readonly right?: string
  readonly quotation: string
}

function statement(
  candidate: Candidate,
  workshop: Workshop,
  stem: string,
  { statement, truth, wrong, right, quotation }: Statement,
): Draft {
  const isFalse = workshop.wantsFalse
  const instead = wrong === undefined || right === undefined ? '' : `, not ${asQuoted(wrong)} but ${asQuoted(right)}`
  return {
    kind: 'TRUE_FALSE',
    prompt: `True or false${about(candidate.passage, stem)}?\n\n> ${statement}`,
    options: [],
    answer: isFalse ? 'FALSE' : 'TRUE',
    alternatives: [],
    explanation: isFalse ? `False${instead}. The text says: ${truth}` : `True. The text says: ${truth}`,
    difficulty: difficultyOf(candidate, workshop, -1),
    quotation,
  }
}

function asQuoted(text: string): string {
  return text.startsWith('`') ? text : `“${text}”`
}

/** The section's heading as the context of a question, unless it gives the answer away or is unspecific. */
function about({ section, reading }: Passage, stem: string): string {
  const heading = trimEndOf(section.heading.replace(/\s+/g, ' '), /[?:.]/).trim()
  const stems = stemsIn(heading, { codes: [] })
  const isEmpty =
    /^(introduction|overview|usage|example|api|returns?|parameters?|fields?|note|methods?|options?|use|see also|install)s?$/i
  if (heading === '' || heading.length > 60 || isEmpty.test(heading)) return ''
  const parts = stem.split(' ')
  if (stems.some((headingStem) => parts.includes(headingStem)) || heading.toLowerCase().includes(stem)) return ''
  return reading.english ? ` (from “${escapeMarkdown(heading)}”)` : ''
}

function partsOf({ sentence: { text }, phrase }: SubjectOf<'PHRASE'>, passage: Passage) {
  const { source } = passage.reading
  const plain = plainText(asInSentence(phrase.kind, phrase.text), source)
  const own = shown(phrase.text, passage)
  const before = shown(text.slice(0, phrase.start), passage)
  const after = shown(text.slice(phrase.end), passage)
  // "an" in front of the gap would rule out half of the answers.
  const open = before.replace(/(^|\s)(a)n?( )$/i, '$1$2(n)$3')
  return {
    answer: shown(asInSentence(phrase.kind, phrase.text), passage),
    plain,
    sentence: {
      plain: plainText(text, source),
      whole: `${before}${own}${after}`,
      withGap: `${open}${gap}${after}`,
      withAnswer: `${before}${own.startsWith('`') ? own : `**${own}**`}${after}`,
      fill: (filler: string) => {
        const article = /^[`“]?[aeiou]/i.test(filler) ? 'an' : 'a'
        return `${before.replace(/(?<=^|\s)an?(?= $)/, article)}${filler}${after}`
      },
    },
  }
}

function alternativesOf(plain: string, kind: EntryKind): string[] {
  const bare = plain.replace(/\(.*\)$/, '')
  if (kind === 'PLURAL' && plain.endsWith('s')) return [plain.slice(0, -1)]
  if (kind === 'SINGULAR') return [`${plain}s`]
  return bare !== plain && bare !== '' ? [bare] : []
}

const levels: readonly Difficulty[] = ['EASY', 'MEDIUM', 'HARD']

/** Frequent subjects are easy; a free answer is harder than a choice. */
function difficultyOf({ stem }: Candidate, { material }: Workshop, shift: number): Difficulty {
  const level = 1 + shift - (material.count(stem) >= 6 ? 1 : 0)
  return levels[Math.max(0, Math.min(2, level))] ?? 'MEDIUM'
}
