import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { parseStudioConfig } from '../../../src/studio/config.ts'
import { createGenerationPool } from '../../../src/studio/content/apart/pool.ts'
import { createContentProvider } from '../../../src/studio/content/create.ts'
import { createOpenAiProvider } from '../../../src/studio/content/openai/openai.ts'
import type { ContentErrorCode, ContentProvider } from '../../../src/studio/content/provider.ts'
import { collect, describeContract, failureOf, requestOf } from './contract.ts'
import { type Behaviour, chunkOf, type OpenAiServer, startOpenAiServer } from './openai-server.ts'

const providerFor = (server: OpenAiServer, silenceMs = 20_000): ContentProvider =>
  createOpenAiProvider({ baseUrl: server.baseUrl, apiKey: 'key', model: 'a-model', silenceMs })

describeContract('the OpenAI-compatible provider', async () => {
  const server = await startOpenAiServer()
  const silent = await startOpenAiServer()
  server.behave({ kind: 'ANSWER', pieces: ['# Title', '\n\nSome', ' words.', '\n\n'] })
  silent.behave({ kind: 'SILENT', pieces: ['# Title'] })
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

describe('the OpenAI-compatible provider', () => {
  test('sends one streamed request with key, model, seed and the material', async () => {
    await using server = await startOpenAiServer()
    await collect(providerFor(server).generate(requestOf({ piece: 'QUIZ', seed: 7 })))
    expect(server.requests).toHaveLength(1)
    const [request] = server.requests
    expect(request?.authorization).toBe('Bearer key')
    expect(request?.body).toMatchObject({ model: 'a-model', stream: true, seed: 7 })
    const said = JSON.stringify(request?.body['messages'])
    for (const part of [
      'A snapshot is the whole',
      'https://example.org/protocol',
      'Cursors',
      '## Answers',
      'Tidings › Promises',
    ])
      expect(said).toContain(part)
  })

  test('yields each chunk as it arrives', async () => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'SILENT', pieces: ['# One'] })
    const iterator = providerFor(server).generate(requestOf())[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ done: false, value: '# One' })
    const second = iterator.next()
    server.push(' two')
    expect(await second).toEqual({ done: false, value: ' two' })
    await iterator.return?.()
  })

  test('adds a missing heading to a response, and exactly one newline at the end', async () => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'ANSWER', pieces: ['\n ', ' Some', '\n', 'words\n\n', ' \n'] })
    expect(await collect(providerFor(server).generate(requestOf()))).toBe('# Snapshots\n\nSome\nwords\n')
  })

  test('reports that the response was cut at the limit of the model', async () => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'ANSWER', pieces: ['# A'], reason: 'length' })
    expect(await collect(providerFor(server).generate(requestOf()))).toBe(
      '# A\n\n*The answer ends here: the model’s limit was reached.*\n',
    )
  })

  test('reads a response that is not streamed', async () => {
    await using server = await startOpenAiServer()
    const message = { role: 'assistant', content: '# Whole\n\nNot streamed.' }
    const body = JSON.stringify({
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: 'length' }],
    })
    server.behave({ kind: 'BODY', type: 'application/json', body, pieceBytes: 7 })
    expect(await collect(providerFor(server).generate(requestOf()))).toBe(
      '# Whole\n\nNot streamed.\n\n*The answer ends here: the model’s limit was reached.*\n',
    )
  })

  test('accepts [DONE] without a reason as the end', async () => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'NO_REASON', pieces: ['# A', ' b'] })
    expect(await collect(providerFor(server).generate(requestOf()))).toBe('# A b\n')
  })

  test('parses events in any chunks, with every line ending, comments and no empty line at the end', async () => {
    await using server = await startOpenAiServer()
    const events = ['# 水位', ' 😀 rises'].map((piece) => chunkOf(piece))
    const lines = [': keep-alive\n\n', 'event: message\n', ...events, chunkOf('', 'stop').trimEnd()].join('')
    for (const end of ['\n', '\r\n', '\r'])
      for (const pieceBytes of [1, 3, 1_000]) {
        server.behave({ kind: 'BODY', type: 'text/event-stream', body: lines.replaceAll('\n', end), pieceBytes })
        expect(await collect(providerFor(server).generate(requestOf()))).toBe('# 水位 😀 rises\n')
      }
  })

  test.each([
    [['<think>secret plan</think>The valve opens.']],
    // Its lower case has two characters.
    [['<think>secret İİ plan</think>The valve opens.']],
    [['\n<think>\nsecret', ' plan\n</thi', 'nk>', '\n\n', 'The valve ', 'opens.']],
    [[...'<THINK>secret plan < 3 </think></THINK> The valve opens.'].map((character) => character)],
    [['<thinking>secret </think> plan</thinking>The valve opens.']],
  ])('omits leading thoughts: %j', async (pieces) => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'ANSWER', pieces })
    const text = await collect(providerFor(server).generate(requestOf()))
    expect(text).not.toContain('secret')
    expect(text.replace('</THINK> ', '')).toBe('# Snapshots\n\nThe valve opens.\n')
  })

  test.each([['<thin', ' ice>'], ['A <think>tag</think> in the text'], ['<']])(
    'keeps text that only resembles thoughts: %j',
    async (...pieces) => {
      await using server = await startOpenAiServer()
      server.behave({ kind: 'ANSWER', pieces })
      expect(await collect(providerFor(server).generate(requestOf()))).toBe(`# Snapshots\n\n${pieces.join('')}\n`)
    },
  )

  test('sends no key when none is set, and keeps the query of the address', async () => {
    await using server = await startOpenAiServer()
    const baseUrl = `${server.baseUrl}/?api-version=1`
    await collect(
      createOpenAiProvider({ baseUrl, apiKey: undefined, model: 'm', silenceMs: 20_000 }).generate(requestOf()),
    )
    expect(server.requests[0]?.authorization).toBeUndefined()
    expect(server.requests[0]?.url).toBe('/v1/chat/completions?api-version=1')
  })

  const failures: readonly [
    name: string,
    behaviour: Behaviour,
    code: ContentErrorCode,
    retryable: boolean,
    advice: RegExp,
  ][] = [
    ['a wrong key', { kind: 'STATUS', status: 401 }, 'PROVIDER_REFUSED', false, /OPENAI_API_KEY/],
    ['a forbidden model', { kind: 'STATUS', status: 403 }, 'PROVIDER_REFUSED', false, /OPENAI_API_KEY/],
    ['an unknown model', { kind: 'STATUS', status: 404 }, 'PROVIDER_REFUSED', false, /OPENAI_MODEL/],
    ['a bad request', { kind: 'STATUS', status: 400 }, 'PROVIDER_REFUSED', false, /OPENAI_MODEL/],
    ['too many requests', { kind: 'STATUS', status: 429 }, 'PROVIDER_BUSY', true, /later/],
    ['no quota', { kind: 'STATUS', status: 429, code: 'insufficient_quota' }, 'PROVIDER_REFUSED', false, /billing/],
    ['a timeout at a proxy', { kind: 'STATUS', status: 408 }, 'PROVIDER_UNAVAILABLE', true, /OPENAI_BASE_URL/],
    ['a defect', { kind: 'STATUS', status: 500 }, 'PROVIDER_UNAVAILABLE', true, /OPENAI_BASE_URL/],
    ['an overload', { kind: 'STATUS', status: 529 }, 'PROVIDER_UNAVAILABLE', true, /OPENAI_BASE_URL/],
    [
      'a filter on the request',
      { kind: 'STATUS', status: 400, code: 'content_filter' },
      'CONTENT_REFUSED',
      false,
      /another model/,
    ],
    [
      'a filter on the answer',
      { kind: 'ANSWER', pieces: ['# A'], reason: 'content_filter' },
      'CONTENT_REFUSED',
      false,
      /another model/,
    ],
    ['an empty answer', { kind: 'ANSWER', pieces: ['', ' \n'] }, 'EMPTY_ANSWER', false, /another model/],
    ['a cut connection', { kind: 'CUT', pieces: ['# A', ' b'] }, 'PROVIDER_UNAVAILABLE', true, /OPENAI_BASE_URL/],
    [
      'an answer that just ends',
      { kind: 'UNFINISHED', pieces: ['# A', ' b'] },
      'PROVIDER_UNAVAILABLE',
      true,
      /try again/,
    ],
    ['broken JSON', { kind: 'RAW', lines: ['data: {"choices":[{"delta":'] }, 'PROVIDER_UNAVAILABLE', true, /./],
    ['JSON of another kind', { kind: 'RAW', lines: ['data: {"hello":1}'] }, 'PROVIDER_UNAVAILABLE', true, /compatible/],
    ['no JSON at all', { kind: 'RAW', lines: ['data: 1', 'data: "a"'] }, 'PROVIDER_UNAVAILABLE', true, /compatible/],
    ['a page', { kind: 'RAW', lines: ['<!doctype html>', '<p>Hello'] }, 'PROVIDER_REFUSED', false, /OPENAI_BASE_URL/],
    [
      'a login page',
      { kind: 'BODY', type: 'text/html', body: ' <html>Log in</html>' },
      'PROVIDER_REFUSED',
      false,
      /OPENAI_BASE_URL/,
    ],
    [
      'an error with status 200',
      { kind: 'BODY', type: 'application/json', body: '{"error":{"message":"slow down","code":429}}' },
      'PROVIDER_BUSY',
      true,
      /later/,
    ],
    ['text', { kind: 'BODY', type: 'text/plain', body: 'Hello' }, 'PROVIDER_UNAVAILABLE', true, /./],
    ['no body', { kind: 'BODY', type: 'text/plain', body: '' }, 'PROVIDER_UNAVAILABLE', true, /./],
    ['thoughts alone', { kind: 'ANSWER', pieces: ['<think>', 'and so on'] }, 'EMPTY_ANSWER', false, /another model/],
    [
      'an error in the stream',
      { kind: 'RAW', lines: ['data: {"error":{"message":"overloaded"}}'] },
      'PROVIDER_UNAVAILABLE',
      true,
      /./,
    ],
    [
      'a refusal',
      {
        kind: 'RAW',
        lines: ['data: {"choices":[{"delta":{"refusal":"No."},"finish_reason":"stop"}]}', 'data: [DONE]'],
      },
      'CONTENT_REFUSED',
      false,
      /another model/,
    ],
  ]
  test.each(failures)('reports %s', async (_, behaviour, code, retryable, advice) => {
    await using server = await startOpenAiServer()
    server.behave(behaviour)
    const failure = await failureOf(providerFor(server).generate(requestOf()))
    expect({ code: failure.code, retryable: failure.retryable }).toEqual({ code, retryable })
    expect(failure.advice).toMatch(advice)
    // The caller retries, visibly.
    expect(server.requests).toHaveLength(1)
  })

  test.each([
    [{ 'retry-after': '3' }, 3_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after-ms': '120' }, 120],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('returns the retry delay: %j', async (headers, expected) => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'STATUS', status: 429, headers })
    expect((await failureOf(providerFor(server).generate(requestOf()))).retryAfterMs).toBe(expected)
  })

  test('returns the retry delay given as a date', async () => {
    await using server = await startOpenAiServer()
    const at = new Date(Date.now() + 60_000).toUTCString()
    server.behave({ kind: 'STATUS', status: 503, headers: { 'retry-after': at } })
    const { retryAfterMs } = await failureOf(providerFor(server).generate(requestOf()))
    expect(retryAfterMs).toBeGreaterThan(30_000)
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
  })

  test.each<Behaviour>([{ kind: 'DEAF' }, { kind: 'SILENT', pieces: [] }, { kind: 'SILENT', pieces: ['# A'] }])(
    'times out on a silent endpoint: %j',
    async (behaviour) => {
      await using server = await startOpenAiServer()
      server.behave(behaviour)
      const failure = await failureOf(providerFor(server, 80).generate(requestOf()))
      expect(failure).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true })
      expect(failure.message).toBe('The provider did not answer for 80 ms')
    },
  )

  test('reports a refused connection', async () => {
    const server = await startOpenAiServer()
    const provider = providerFor(server)
    await server[Symbol.asyncDispose]()
    const failure = await failureOf(provider.generate(requestOf()))
    expect(failure).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true })
    expect(failure.message).toContain(server.baseUrl)
  })

  test('leaves no listener on the signal', async () => {
    await using server = await startOpenAiServer()
    const { signal } = new AbortController()
    const before = getEventListeners(signal, 'abort').length
    for (let round = 0; round < 5; round += 1) await collect(providerFor(server).generate(requestOf({ signal })))
    expect(getEventListeners(signal, 'abort').length).toBe(before)
  })

  test('never exposes the key', async () => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'STATUS', status: 401 })
    const provider = createOpenAiProvider({
      baseUrl: server.baseUrl,
      apiKey: 'sk-secret',
      model: 'm',
      silenceMs: 1_000,
    })
    const failure = await failureOf(provider.generate(requestOf()))
    expect(JSON.stringify([failure.message, failure.advice, failure.stack])).not.toContain('sk-secret')
  })
})

describe('the configured provider', () => {
  const pool = createGenerationPool()

  test('is the extractive one by default', () => {
    expect(createContentProvider(parseStudioConfig({}), pool).name).toBe('extractive')
  })

  test('is the endpoint, with its key and model', async () => {
    await using server = await startOpenAiServer()
    const config = parseStudioConfig({
      CONTENT_PROVIDER: 'openai',
      OPENAI_BASE_URL: server.baseUrl,
      OPENAI_API_KEY: 'k',
      OPENAI_MODEL: 'own',
    })
    const provider = createContentProvider(config, pool)
    expect(provider.name).toBe('openai')
    await collect(provider.generate(requestOf()))
    expect(server.requests[0]).toMatchObject({ authorization: 'Bearer k', body: { model: 'own' } })
  })
})
