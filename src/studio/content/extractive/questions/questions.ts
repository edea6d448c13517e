import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { interruptible } from '../../../../async/index.ts'
import { type CitationCheck, createCitationCheck } from '../../citation.ts'
import {
  createAskedQuestions,
  type Question,
  type QuestionKind,
  type QuestionProvider,
  type QuestionRequest,
  questionKinds,
  wordsOf,
} from '../../question.ts'
import { createRandom, type Random } from '../random.ts'
import { createCachedReader } from '../reading.ts'
import { type Candidate, findCandidates } from './question-candidates.ts'
import { makeQuestion } from './question-makers.ts'
import { type Material, readMaterial } from './question-material.ts'

/** Sections are read again for every replaced question. */
const maxReadings = 300
/** Candidates below this weight are not worth a learner's time. */
const minWeight = 0.35
/** Most documents need fewer than 500 for 50 questions; more are a sign of a text that allows none. */
const maxAttempts = 3_000

/**
 * A provider of questions that needs no service: all content is extracted from the document.
 * Multiple choice and gaps ask about sentences and terms, with terms of the same document as wrong
 * answers; false statements have a term exchanged, or are turned into their opposite.
 * Deterministic: the same request gives the same questions.
 */
export function createExtractiveQuestions({
  delayMs = 0,
}: {
  /**
   * Delay before each question but the first, so that a person can watch.
   * @default 0
   */
  readonly delayMs?: number
} = {}): QuestionProvider {
  const read = createCachedReader(maxReadings)
  return {
    name: 'extractive',
    ask: (request) =>
      interruptible(async function* (returnSignal) {
        const { signal } = request
        signal.throwIfAborted()
        const anySignal = AbortSignal.any([signal, returnSignal])
        try {
          const material = await readMaterial(request.sections, read, anySignal)
          const candidates = await findCandidates(material, anySignal)
          let isFirst = true
          for (const question of chooseQuestions(request, material, candidates)) {
            if (!isFirst && delayMs > 0) await sleep(delayMs, undefined, { signal: anySignal })
            isFirst = false
            signal.throwIfAborted()
            yield question
            // Choosing takes tens of milliseconds: yield to other work.
            await setImmediate()
          }
        } catch (error) {
          signal.throwIfAborted()
          throw error
        }
      }),
  }
}

/** A candidate with the kinds of question that it does not allow. */
interface PoolCandidate extends Candidate {
  readonly failed: Set<string>
}

/** Chooses questions spread over the document, rotating the kinds. */
function* chooseQuestions(
  request: QuestionRequest,
  material: Material,
  candidates: readonly Candidate[],
): Generator<Question, void, void> {
  const { count, seed, sections, avoid } = request
  const random = createRandom(seed)
  const check = createCitationCheck(sections)
  const kinds = questionKinds.filter((kind) => request.kinds.includes(kind))
  const pool = candidates
    .filter(({ weight }) => weight >= minWeight)
    .map(
      (candidate): PoolCandidate => ({
        ...candidate,
        weight: candidate.weight + random.next() * 0.3,
        failed: new Set(),
      }),
    )
  const previousQuestions = createAskedQuestions(avoid)
  let attempts = 0
  const stems = new Map<string, number>()
  const places = new Set<string>()
  const perSection = new Map<string, number>()
  const knownQuotations = new Set(avoid.map(({ citation }) => wordsOf(citation.quotation).join(' ')))
  const near = material.passages.find(({ section }) => section.key === request.nearSection)?.at
  let falses = 0
  let statements = 0
  for (let slot = 0; slot < count; slot += 1) {
    const target = near ?? (slot + 0.5) / count
    const turn = kinds[slot % kinds.length]
    const question = pick(turn === undefined ? [] : [turn, ...kinds.filter((kind) => kind !== turn)], target)
    if (question === undefined) return
    previousQuestions.add(question)
    yield question
  }

  function pick(order: readonly QuestionKind[], target: number): Question | undefined {
    const rankedCandidates = pool
      .filter(({ place }) => !places.has(place))
      .map((candidate) => ({ candidate, score: scoreOf(candidate, target) }))
      .sort((a, b) => b.score - a.score)
    for (const kind of order) {
      const wantsFalse = kind === 'TRUE_FALSE' && isFalseNext(random)
      for (const { candidate } of rankedCandidates) {
        const question =
          make(kind, candidate, wantsFalse) ?? (kind === 'TRUE_FALSE' ? make(kind, candidate, !wantsFalse) : undefined)
        if (question === undefined) continue
        places.add(candidate.place)
        const { key } = candidate.passage.section
        perSection.set(key, (perSection.get(key) ?? 0) + 1)
        stems.set(candidate.stem, (stems.get(candidate.stem) ?? 0) + 1)
        if (kind === 'TRUE_FALSE') {
          statements += 1
          if (question.answer === 'FALSE') falses += 1
        }
        return question
      }
    }
    return undefined
  }

  /** Balances true and false statements, in an unpredictable order. */
  function isFalseNext({ next }: Random): boolean {
    return falses * 2 === statements ? next() < 0.5 : falses * 2 < statements
  }

  function scoreOf({ weight, passage, stem }: Candidate, target: number): number {
    const distance = Math.abs(passage.at - target)
    // For a replacement the distance to the section counts; otherwise any position within the slot
    // is equally good.
    const away = near === undefined ? Math.max(0, distance * count - 0.5) : distance * material.passages.length
    const fromSection = perSection.get(passage.section.key) ?? 0
    return weight - Math.min(4, away) * 0.5 - (stems.get(stem) ?? 0) * 1.2 - fromSection * 0.15
  }

  function make(kind: QuestionKind, candidate: PoolCandidate, wantsFalse: boolean): Question | undefined {
    // A candidate that allowed no question before allows none now.
    const attempt = `${kind} ${wantsFalse}`
    if (candidate.failed.has(attempt) || attempts >= maxAttempts) return undefined
    attempts += 1
    const question = write(kind, candidate, wantsFalse)
    if (question === undefined) candidate.failed.add(attempt)
    return question
  }

  function write(kind: QuestionKind, candidate: Candidate, wantsFalse: boolean): Question | undefined {
    const draft = makeQuestion(kind, candidate, { material, random, wantsFalse })
    if (draft === undefined) return undefined
    const { quotation, ...rest } = draft
    if (knownQuotations.has(wordsOf(quotation).join(' '))) return undefined
    const citation = cite(check, quotation, candidate)
    if (citation === null || previousQuestions.has(draft)) return undefined
    return { ...rest, citation }
  }
}

function cite(
  check: CitationCheck,
  quotation: string,
  { passage: { section } }: Candidate,
): Question['citation'] | null {
  const checkedCitation = check.find(quotation, section.key)
  return checkedCitation?.sectionKey === section.key ? checkedCitation : null
}
