import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeQuotation, createExtractiveReplies } from '../../../src/studio/content/extractive/reply.ts'
import { createOpenAiReplies } from '../../../src/studio/content/openai/reply.ts'
import type { ReplyPart, ReplyPassage, ReplyRequest } from '../../../src/studio/content/reply.ts'
import { inBursts } from '../../../src/studio/sessions/reply.ts'
import { readMarks } from '../../../src/studio/sessions/reply-material.ts'
import { type OpenAiServer, startOpenAiServer } from './openai-server.ts'

const passage = (marked: string, rest: Partial<ReplyPassage> = {}): ReplyPassage => ({
  source: 'Bread',
  heading: 'Yeast',
  page: 3,
  ...readMarks(marked.replaceAll('{', '\u0001').replaceAll('}', '\u0002')),
  ...rest,
})
const request = (passages: readonly ReplyPassage[], signal = new AbortController().signal): ReplyRequest => ({
  question: 'Why does the dough rise?',
  history: [
    { author: 'ada', text: 'Hello' },
    { author: null, text: 'Hello, I am the reply' },
  ],
  cardCount: 2,
  passages,
  seed: 1,
  signal,
})
const textOf = (parts: readonly ReplyPart[]): string =>
  parts.map((part) => (part.is === 'text' ? part.text : '')).join('')

describe('a quotation', () => {
  test('consists of the sentences with the most matching words, rare ones first, with their location', () => {
    const { text, citations } = composeQuotation(
      request([
        passage('The oven is hot. {Dough} is kneaded for long. Salt is added.', { heading: 'Baking', page: null }),
        passage('Flour is white. The {dough} {rises} by gas. It needs an hour.'),
      ]),
    )
    expect(citations).toEqual([{ passage: 1, quotation: 'The dough rises by gas. It needs an hour.' }])
    expect(text).toMatch(
      /^Quoted word for word .*\n\n> The dough rises by gas\. It needs an hour\.\n\n\[1\] \*Bread\*, Yeast, page 3\n$/,
    )
  })

  test('excludes code and unterminated listings, however many matching words these have', () => {
    const code = '{"{dough}":{"{rises}":[{"gas":true},{"why":"{dough} {rises}"}],"<b>":"{dough}"}}'
    const listing = `The {dough} {rises} ${'by gas and '.repeat(80)}more.`
    expect(
      composeQuotation(request([passage(code), passage(listing), passage('{Dough} {rises} by gas.')])).citations,
    ).toEqual([{ passage: 2, quotation: 'Dough rises by gas.' }])
  })

  test('is of the first 20,000 characters of a passage', () => {
    const given = [passage(`${'Salt is added. '.repeat(2_000)}The {dough} {rises} by gas.`), passage('{Dough}.')]
    expect(composeQuotation(request(given)).citations).toEqual([{ passage: 1, quotation: 'Dough.' }])
  })

  test('shows its Markdown as written', () => {
    const { text } = composeQuotation(request([passage('Use *{dough}* and `x_y` <b>.')]))
    expect(text).toContain('> Use \\*dough\\* and \\`x\\_y\\` \\<b\\>.')
  })

  test('is empty when nothing fits, or without cards, and says so', () => {
    expect(composeQuotation(request([])).text).toContain('The 2 cards of this session say nothing about that')
    expect(composeQuotation({ passages: [], cardCount: 0 }).text).toContain('no cards yet')
  })

  test('streams to the identical text, and stops when it is aborted', async () => {
    const given = request([passage('The {dough} {rises} by gas.')])
    const parts = await Array.fromAsync(createExtractiveReplies().reply(given))
    expect(textOf(parts)).toBe(composeQuotation(given).text)
    expect(parts.at(-1)).toEqual({ is: 'citation', passage: 0, quotation: 'The dough rises by gas.' })
    const controller = new AbortController()
    const slow = createExtractiveReplies({ delayMs: 60_000 }).reply(request(given.passages, controller.signal))
    const reading = Array.fromAsync(slow)
    setTimeout(() => controller.abort(new Error('enough')), 10)
    await expect(reading).rejects.toThrow('enough')
  })
})

describe('a reply of a service', () => {
  let server: OpenAiServer
  beforeAll(async () => {
    server = await startOpenAiServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  const provider = () => createOpenAiReplies({ baseUrl: server.baseUrl, apiKey: 'k', model: 'm', silenceMs: 5_000 })

  test('is generated from the passages and the conversation, and cites those it names', async () => {
    server.behave({ kind: 'ANSWER', pieces: ['Gas ', '[2], and air [7].'] })
    const passages = [passage('Salt.'), passage('The dough rises by gas.')]
    const parts = await Array.fromAsync(provider().reply(request(passages)))
    expect(textOf(parts)).toBe('Gas [2], and air [7].')
    expect(parts.at(-1)).toEqual({ is: 'citation', passage: 1, quotation: 'The dough rises by gas.' })
    const { messages } = (server.requests.at(-1)?.body ?? { messages: [] }) as {
      messages: { role: string; content: string }[]
    }
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user'])
    expect(messages[1]?.content).toBe('ada: Hello')
    expect(messages.at(-1)?.content).toContain('[2] Bread, Yeast, page 3\nThe dough rises by gas.')
  })

  test('fails as the service does', async () => {
    server.behave({ kind: 'STATUS', status: 429 })
    await expect(Array.fromAsync(provider().reply(request([])))).rejects.toMatchObject({ code: 'PROVIDER_BUSY' })
    server.behave({ kind: 'ANSWER', pieces: [] })
    await expect(Array.fromAsync(provider().reply(request([])))).rejects.toMatchObject({ code: 'EMPTY_ANSWER' })
  })
})

describe('bursts', () => {
  test('contain everything in order, the first item at once, and delay nothing while the source is silent', async () => {
    const gate = Promise.withResolvers<void>()
    const source = async function* () {
      yield* [1, 2, 3]
      await gate.promise
      yield 4
    }
    const bursts: number[][] = []
    for await (const burst of inBursts(source(), 20)) {
      bursts.push(burst)
      if (burst.includes(3)) gate.resolve()
    }
    expect(bursts[0]).toEqual([1])
    expect(bursts.flat()).toEqual([1, 2, 3, 4])
  })

  test('return the source when they are returned, and fail as it does', async () => {
    let isLeft = false
    const endless = async function* () {
      try {
        for (;;) yield 1
      } finally {
        isLeft = true
      }
    }
    for await (const _ of inBursts(endless(), 1)) break
    expect(isLeft).toBe(true)
    const failing = async function* () {
      yield 1
      throw new Error('gone')
    }
    await expect(Array.fromAsync(inBursts(failing(), 1))).rejects.toThrow('gone')
  })
})
