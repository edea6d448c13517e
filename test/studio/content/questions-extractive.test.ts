import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { turnAround } from '../../../src/studio/content/extractive/questions/opposites.ts'
import { createExtractiveQuestions } from '../../../src/studio/content/extractive/questions/questions.ts'
import { type Question, questionKinds, wordsOf } from '../../../src/studio/content/question.ts'
import { readStructure } from '../read-structure.ts'
import { describeQuestionContract, expectGood, requestOf, sections } from './question-contract.ts'

const timers = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

describeQuestionContract('the extractive provider', async () => {
  const before = timers()
  return {
    provider: createExtractiveQuestions(),
    slow: createExtractiveQuestions({ delayMs: 600_000 }),
    isQuiet: () => timers() <= before,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
})

const provider = createExtractiveQuestions()
const ask = (changes: Parameters<typeof requestOf>[0]): Promise<Question[]> =>
  Array.fromAsync(provider.ask(requestOf(changes)))
const documents = ['ws/README.md', 'zod/README.md', 'unified/readme.md', 'dataloader/README.md'].map(
  (name) => [name, new URL(`../../../node_modules/${name}`, import.meta.url)] as const,
)

describe('questions from real documents', () => {
  test.each(documents)('are valid, alternate kinds and cover the document: %s', async (_, path) => {
    const structure = readStructure({ bytes: readFileSync(path), format: 'MARKDOWN' })
    const questions = await ask({ sections: structure.sections, title: structure.title, count: 12 })
    expect(questions).toHaveLength(12)
    expectGood(questions, structure.sections)
    for (const kind of questionKinds) expect(questions.filter((one) => one.kind === kind)).toHaveLength(4)
    const falses = questions.filter(({ answer }) => answer === 'FALSE').length
    expect([1, 2, 3]).toContain(falses)
    expect(new Set(questions.map(({ citation }) => citation.sectionKey)).size).toBeGreaterThan(4)
    expect(new Set(questions.map(({ citation }) => citation.quotation)).size).toBe(12)
    for (const question of questions) {
      // The question must not contain the answer.
      const told = JSON.stringify(question)
      if (question.kind !== 'TRUE_FALSE')
        expect(` ${wordsOf(question.prompt).join(' ')} `, told).not.toContain(` ${wordsOf(question.answer).join(' ')} `)
      if (question.answer === 'FALSE') {
        const said = wordsOf(question.prompt.split('\n\n> ')[1] ?? '').join(' ')
        expect(wordsOf(question.citation.quotation).join(' '), told).not.toContain(said)
      }
      // The true statement is in the explanation.
      expect(wordsOf(question.explanation).length, told).toBeGreaterThan(5)
    }
  })

  test('differ for another seed', async () => {
    const [one, other] = [await ask({ seed: 1 }), await ask({ seed: 2 })]
    expect(one).not.toEqual(other)
  })

  test('begin near a section on request', async () => {
    for (const { key } of sections) {
      const [question] = await ask({ count: 1, nearSection: key, kinds: ['TRUE_FALSE'] })
      expect(question?.citation.sectionKey).toBe(key)
    }
  })
})

describe('questions from little material', () => {
  test.each([
    ['nothing', ''],
    ['a list of links', '- [one](https://one.example)\n- [two](https://two.example)'],
    ['a few words', 'To be done.'],
    ['code alone', '```js\nfoo.bar(1)\n```'],
  ])('are none: %s', async (_, body) => {
    expect(await ask({ sections: [{ key: 'a', heading: 'A', body }] })).toEqual([])
  })

  test('are fewer than requested rather than bad', async () => {
    const questions = await ask({ count: 50 })
    expect(questions.length).toBeGreaterThan(5)
    expect(questions.length).toBeLessThan(20)
    expectGood(questions)
  })
})

describe('negating a sentence', () => {
  test.each([
    ['The door stays closed before the loaf is in.', 'before', 'after'],
    ['Always close the door.', 'Always', 'Never'],
    ['A frozen processor cannot be changed.', 'cannot', 'can'],
    ['It takes at least two hours.', 'at least', 'at most'],
  ])('%s', (sentence, from, to) => {
    expect(turnAround(sentence)).toMatchObject({ from, to })
  })

  test.each([
    'A client can be stopped.',
    'It is enabled on the client and disabled on the server.',
    'It comes before this and before that.',
    'This is required by the specification.',
    'A beforehand notice.',
  ])('does not change: %s', (sentence) => {
    expect(turnAround(sentence)).toBeUndefined()
  })
})
