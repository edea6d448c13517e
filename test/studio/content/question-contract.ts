import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createCitationCheck } from '../../../src/studio/content/citation.ts'
import {
  gap,
  isSameQuestion,
  type Question,
  type QuestionProvider,
  type QuestionRequest,
  type QuestionSection,
  questionKinds,
} from '../../../src/studio/content/question.ts'
import { hangMs } from '../../support/patience.ts'

/** A short text with enough material for questions. */
export const sections: readonly QuestionSection[] = [
  {
    key: 'sourdough',
    heading: 'Sourdough',
    body: 'A **sourdough starter** is a mixture of flour and water in which wild yeast lives. The starter must be fed before the dough is mixed, because hungry yeast raises no loaf. Wild yeast works slower than baker’s yeast, so a sourdough loaf needs at least `8 hours`.',
  },
  {
    key: 'oven',
    heading: 'The oven',
    body: 'A baking stone stores heat and gives it to the loaf. Steam keeps the crust of the loaf soft until it has reached its volume. The oven door always stays closed during the first 10 minutes, because steam escapes when it is opened.',
  },
  {
    key: 'tools',
    heading: 'Tools',
    body: '- **Banneton** – a basket that holds the dough in shape while it rises\n- **Lame** – a razor blade on a handle with which the loaf is scored\n- **Peel** – a flat shovel that brings the loaf onto the baking stone\n- **Couche** – a linen cloth between whose folds baguettes are left to rest',
  },
]

/** Creates a request for three questions of any kind; everything can be replaced. */
export function requestOf(changes: Partial<QuestionRequest> = {}): QuestionRequest {
  return {
    title: 'Bread',
    sections,
    count: 3,
    kinds: questionKinds,
    avoid: [],
    seed: 1,
    signal: new AbortController().signal,
    ...changes,
  }
}

/** A provider in the situations covered by the contract. */
export interface QuestionContractSubject extends AsyncDisposable {
  /** Answers every request with questions about {@link sections}. */
  readonly provider: QuestionProvider
  /** Yields a first question and then nothing for a long time. */
  readonly slow: QuestionProvider
  /** Whether no request is left open. */
  readonly isQuiet: () => boolean
}

/** Checks the requirements on every question, whatever its source. */
export function expectGood(questions: readonly Question[], from: readonly QuestionSection[] = sections): void {
  const check = createCitationCheck(from)
  for (const [index, question] of questions.entries()) {
    const { kind, prompt, options, answer, explanation, citation } = question
    const told = JSON.stringify(question)
    expect(prompt.trim(), told).not.toBe('')
    expect(explanation.trim(), told).not.toBe('')
    expect(check.find(citation.quotation, citation.sectionKey), told).toMatchObject({
      sectionKey: citation.sectionKey,
      heading: citation.heading,
    })
    if (kind === 'MULTIPLE_CHOICE') {
      expect(options.length, told).toBeGreaterThanOrEqual(3)
      expect(options.length, told).toBeLessThanOrEqual(5)
      expect(new Set(options.map((one) => one.toLowerCase())).size, told).toBe(options.length)
      expect(options, told).toContain(answer)
    } else expect(options, told).toEqual([])
    if (kind === 'CLOZE') expect(prompt.split(gap), told).toHaveLength(2)
    if (kind === 'TRUE_FALSE') expect(answer, told).toMatch(/^(TRUE|FALSE)$/)
    for (const other of questions.slice(0, index)) expect(isSameQuestion(question, other), told).toBe(false)
  }
}

/** The contract of `QuestionProvider`, to be run on every implementation. */
export function describeQuestionContract(name: string, start: () => Promise<QuestionContractSubject>): void {
  describe(`the contract of a question provider, implemented by ${name}`, () => {
    test('yields as many questions as requested, each with its passage, without duplicates', async () => {
      await using subject = await start()
      const questions = await Array.fromAsync(subject.provider.ask(requestOf()))
      expect(questions).toHaveLength(3)
      expectGood(questions)
    })

    test.each(questionKinds)('yields only the requested kind: %s', async (kind) => {
      await using subject = await start()
      const questions = await Array.fromAsync(subject.provider.ask(requestOf({ kinds: [kind], count: 1 })))
      expect(questions.map((question) => question.kind)).toEqual([kind])
      expectGood(questions)
    })

    test('yields none that equals one to avoid, and ends when there are no more', async () => {
      await using subject = await start()
      const avoid: Question[] = []
      for (let round = 0; round < 12; round += 1) {
        const found = await Array.fromAsync(subject.provider.ask(requestOf({ avoid, count: 2, seed: round })))
        avoid.push(...found)
        expectGood(avoid)
        if (found.length === 0) break
      }
      expect(avoid.length).toBeGreaterThan(2)
      expect(await Array.fromAsync(subject.provider.ask(requestOf({ avoid, count: 1 })))).toEqual([])
    })

    test('yields the same for the same request', async () => {
      await using subject = await start()
      const first = await Array.fromAsync(subject.provider.ask(requestOf()))
      expect(await Array.fromAsync(subject.provider.ask(requestOf()))).toEqual(first)
    })

    test('starts nothing before the first next()', async () => {
      await using subject = await start()
      const iterator = subject.slow.ask(requestOf())[Symbol.asyncIterator]()
      expect(subject.isQuiet()).toBe(true)
      expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
      expect(await iterator.next()).toEqual({ done: true, value: undefined })
      expect(subject.isQuiet()).toBe(true)
    })

    test('rejects with the reason when it was aborted before it began', async () => {
      await using subject = await start()
      const signal = AbortSignal.abort(new Error('enough'))
      await expect(Array.fromAsync(subject.provider.ask(requestOf({ signal })))).rejects.toThrow('enough')
      expect(subject.isQuiet()).toBe(true)
    })

    test('rejects with the reason when it is aborted while it waits, and leaves nothing open', async () => {
      await using subject = await start()
      const controller = new AbortController()
      const iterator = subject.slow.ask(requestOf({ signal: controller.signal }))[Symbol.asyncIterator]()
      const reason = new Error('enough')
      expect((await iterator.next()).done).toBe(false)
      const waiting = iterator.next()
      waiting.catch(() => undefined)
      await setImmediate()
      controller.abort(reason)
      await expect(waiting).rejects.toBe(reason)
      await expectQuiet(subject)
    })

    test('returns at once when the caller returns it while it waits, and leaves nothing open', async () => {
      await using subject = await start()
      const iterator = subject.slow.ask(requestOf())[Symbol.asyncIterator]()
      await iterator.next()
      const waiting = iterator.next()
      expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
      expect(await waiting).toEqual({ done: true, value: undefined })
      await expectQuiet(subject)
    })
  })
}

/** Polls without a separate timer, which would count as something left open. */
async function expectQuiet({ isQuiet }: QuestionContractSubject): Promise<void> {
  const until = Date.now() + hangMs
  while (!isQuiet() && Date.now() < until) await setImmediate()
  expect(isQuiet()).toBe(true)
}
