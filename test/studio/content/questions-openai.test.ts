import { describe, expect, test } from 'vitest'
import { createOpenAiQuestions } from '../../../src/studio/content/openai/questions.ts'
import type { Question, QuestionProvider } from '../../../src/studio/content/question.ts'
import { failureOf } from './contract.ts'
import { type OpenAiServer, startOpenAiServer } from './openai-server.ts'
import { describeQuestionContract, expectGood, requestOf } from './question-contract.ts'

const providerFor = (server: OpenAiServer): QuestionProvider =>
  createOpenAiQuestions({ baseUrl: server.baseUrl, apiKey: 'key', model: 'a-model', silenceMs: 20_000 })

const choice = {
  kind: 'MULTIPLE_CHOICE',
  prompt: 'What does a baking stone do?',
  options: ['It stores heat', 'It makes steam', 'It feeds yeast', 'It scores the loaf'],
  answer: 'It stores heat',
  explanation: 'Stone gives its heat to the loaf.',
  difficulty: 'EASY',
  section: 'oven',
  quotation: 'A baking stone stores heat and gives it to the loaf.',
}
const cloze = {
  kind: 'CLOZE',
  prompt: 'The starter must be fed before the _____ is mixed.',
  answer: 'dough',
  explanation: 'Hungry yeast raises no loaf.',
  difficulty: 'MEDIUM',
  section: 'sourdough',
  quotation: 'The starter must be fed before the dough is mixed',
}
const statement = {
  kind: 'TRUE_FALSE',
  prompt: 'Wild yeast works faster than baker’s yeast.',
  answer: 'FALSE',
  explanation: 'It works slower.',
  difficulty: 'HARD',
  section: 'sourdough',
  quotation: "Wild yeast works slower than baker's yeast",
}
const lines = [choice, cloze, statement].map((one) => `${JSON.stringify(one)}\n`)
const asText = (...objects: readonly object[]): string => objects.map((one) => JSON.stringify(one)).join('\n')

describeQuestionContract('the OpenAI-compatible provider', async () => {
  const server = await startOpenAiServer()
  const silent = await startOpenAiServer()
  server.behave({ kind: 'ANSWER', pieces: lines })
  silent.behave({ kind: 'SILENT', pieces: lines.slice(0, 1) })
  return {
    provider: providerFor(server),
    slow: providerFor(silent),
    isQuiet: () => server.open() + silent.open() === 0,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await silent[Symbol.asyncDispose]()
    },
  }
})

describe('the OpenAI-compatible question provider', () => {
  test('yields each question as soon as its last brace has arrived', async () => {
    await using server = await startOpenAiServer()
    const [first = '', second = ''] = lines
    server.behave({ kind: 'SILENT', pieces: [first.slice(0, 40), first.slice(40), second.slice(0, -3)] })
    const iterator = providerFor(server).ask(requestOf())[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toMatchObject({ kind: 'MULTIPLE_CHOICE' })
    const next = iterator.next()
    server.push(second.slice(-3))
    expect((await next).value).toMatchObject({ kind: 'CLOZE' })
    await iterator.return?.()
  })

  const accepted: readonly [name: string, answer: string, expected: Partial<Question>][] = [
    ['a fence', `Here you are:\n\`\`\`json\n${asText(choice)}\n\`\`\``, { answer: 'It stores heat' }],
    ['an array', JSON.stringify([choice, cloze]), { answer: 'It stores heat' }],
    ['a wrapper', JSON.stringify({ questions: [choice] }, null, 2), { answer: 'It stores heat' }],
    ['a letter for the answer', asText({ ...choice, answer: 'A' }), { answer: 'It stores heat' }],
    ['an index for the answer', asText({ ...choice, answer: 0 }), { answer: 'It stores heat' }],
    [
      'letters in the options',
      asText({
        ...choice,
        options: choice.options.map((one, place) => `${'ABCD'[place]}) ${one}`),
        answer: 'A) It stores heat',
      }),
      { options: choice.options, answer: 'It stores heat' },
    ],
    [
      'other names',
      asText({
        type: 'multiple-choice',
        question: choice.prompt,
        choices: choice.options,
        correct_answer: choice.answer,
        quote: choice.quotation,
      }),
      { kind: 'MULTIPLE_CHOICE', difficulty: 'MEDIUM' },
    ],
    ['a comma too many', asText(choice).replace('}', ',}'), { answer: 'It stores heat' }],
    ['a line break in a string', asText(choice).replace('Stone gives', 'Stone\ngives'), { answer: 'It stores heat' }],
    ['the wrong section', asText({ ...choice, section: 'tools' }), {}],
    ['a boolean', asText({ ...statement, answer: false }), { answer: 'FALSE' }],
    ['a longer gap', asText({ ...cloze, prompt: cloze.prompt.replace('_____', '________') }), { answer: 'dough' }],
    [
      'a quotation with markup, in other case and quotes',
      asText({ ...choice, quotation: '“A **baking stone** stores heat\n and gives it to the loaf”' }),
      {},
    ],
  ]
  test.each(accepted)('repairs unambiguous errors: %s', async (_, answer, expected) => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'ANSWER', pieces: [answer] })
    const [question] = await Array.fromAsync(providerFor(server).ask(requestOf({ count: 1 })))
    expect(question).toMatchObject(expected)
    expectGood(question === undefined ? [] : [question])
    expect(server.requests).toHaveLength(1)
  })

  const refused: readonly [name: string, answer: string, complaint: RegExp][] = [
    ['no JSON', 'I would rather not.', /no JSON object/],
    ['broken JSON', '{"prompt": "What?" "answer": 1}', /not valid JSON/],
    ['no answer', asText({ ...choice, answer: undefined }), /answer/],
    ['an answer that is no option', asText({ ...choice, answer: 'Nothing' }), /none of its options/],
    ['two options', asText({ ...choice, options: ['It stores heat', 'It does not'] }), /three to five/],
    [
      'the same option twice',
      asText({ ...choice, options: ['It stores heat', 'it stores heat.', 'Other'] }),
      /different/,
    ],
    ['no gap', asText({ ...cloze, prompt: 'The starter must be fed.' }), /exactly one gap/],
    [
      'an invented quotation',
      asText({ ...choice, quotation: 'A baking stone makes the best pizza of all.' }),
      /does not occur/,
    ],
    ['a quotation of nothing', asText({ ...choice, quotation: 'the loaf' }), /does not occur/],
    ['an unknown kind', asText({ ...choice, kind: 'ESSAY' }), /is no kind/],
    ['cut in the middle', asText(choice).slice(0, -20), /no JSON object/],
  ]
  test.each(refused)('asks again, with the reason, for %s', async (_, answer, complaint) => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'ANSWER', pieces: [answer] }, { kind: 'ANSWER', pieces: [asText(cloze)] })
    const questions = await Array.fromAsync(providerFor(server).ask(requestOf({ count: 1 })))
    expect(questions).toMatchObject([{ kind: 'CLOZE', answer: 'dough' }])
    expect(server.requests).toHaveLength(2)
    expect(JSON.stringify(server.requests[1]?.body)).toMatch(complaint)
  })

  test('keeps the valid part of a response and requests only the rest, naming the existing questions', async () => {
    await using server = await startOpenAiServer()
    server.behave(
      { kind: 'ANSWER', pieces: [asText(choice, { ...cloze, answer: '' }, statement)] },
      { kind: 'ANSWER', pieces: [asText(cloze)] },
    )
    const questions = await Array.fromAsync(providerFor(server).ask(requestOf({ count: 3 })))
    expect(questions.map(({ kind }) => kind)).toEqual(['MULTIPLE_CHOICE', 'TRUE_FALSE', 'CLOZE'])
    const again = JSON.stringify(server.requests[1]?.body)
    expect(again).toContain('Write one question')
    expect(again).toContain('Do not repeat these')
    expect(again).toContain(choice.prompt)
  })

  test('gives up after a few unusable responses, and reports the problems', async () => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'ANSWER', pieces: ['No.'] })
    const failure = await failureOf(
      (async function* () {
        for await (const { prompt } of providerFor(server).ask(requestOf())) yield prompt
      })(),
    )
    expect(failure).toMatchObject({ code: 'EMPTY_ANSWER', retryable: false })
    expect(failure.message).toContain('no JSON object')
    expect(server.requests).toHaveLength(3)
  })

  test('reports failures of the endpoint like the content provider, and does not retry', async () => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'STATUS', status: 429, headers: { 'retry-after': '3' } })
    const failure = await failureOf(
      (async function* () {
        for await (const { prompt } of providerFor(server).ask(requestOf())) yield prompt
      })(),
    )
    expect(failure).toMatchObject({ code: 'PROVIDER_BUSY', retryable: true, retryAfterMs: 3_000 })
    expect(server.requests).toHaveLength(1)
  })

  test('sends the reason for a replacement, and the part of the document that the question was about', async () => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'ANSWER', pieces: lines })
    const long = Array.from({ length: 30 }, (_, index) => ({
      key: `part-${index}`,
      heading: `Part ${index}`,
      body: `Words of part ${index}. ${'And more of them. '.repeat(100)}`,
    }))
    await Array.fromAsync(
      providerFor(server).ask(
        requestOf({
          count: 1,
          reason: 'Too easy',
          nearSection: 'part-29',
          sections: [...requestOf().sections, ...long],
          kinds: ['CLOZE'],
        }),
      ),
    )
    const said = JSON.stringify(server.requests[0]?.body)
    expect(said).toContain('Too easy')
    expect(said).toContain('Words of part 29')
    expect(said).not.toContain('Words of part 1.')
  })
})
