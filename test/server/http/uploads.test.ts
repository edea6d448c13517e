import { readdir, readlink } from 'node:fs/promises'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Logger } from '../../../src/logger.ts'
import { silentLogger } from '../../../src/logger.ts'
import { type GraphqlBody, type ServerFixture, secret, signToken, startTestServer, until } from '../support.ts'

const operations = JSON.stringify({
  query: 'mutation ($file: File!) { upload(file: $file) }',
  variables: { file: null },
})
const map = JSON.stringify({ 0: ['variables.file'] })
const field = (name: string, value: string): string =>
  `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const fileHead = (name: string): string =>
  `--x\r\ncontent-disposition: form-data; name="${name}"; filename="${name}.md"\r\ncontent-type: text/markdown\r\n\r\n`
const file = (name: string, value = 'text'): string => `${fileHead(name)}${value}\r\n`
const end = '--x--\r\n'
const start = field('operations', operations) + field('map', map)

const warnings: string[] = []
const logger: Logger = Object.assign(Object.create(silentLogger), {
  warn: (_: object, message: string) => warnings.push(message),
  error: (_: object, message: string) => warnings.push(message),
  child: () => logger,
})

let fixture: ServerFixture
beforeAll(async () => {
  fixture = await startTestServer({
    environment: { MAX_UPLOAD_BYTES: '2000000', MAX_BODY_BYTES: '5000', MAX_UPLOADS_PER_VIEWER: '3' },
    logger,
  })
})
afterAll(() => fixture[Symbol.asyncDispose]())

/**
 * Returns files of uploads that this process has open, or that are in the folder for temporary
 * files.
 */
async function spooled(): Promise<string[]> {
  const lying = (await readdir(tmpdir())).filter((name) => name.startsWith('tidings-upload-'))
  const descriptors = await readdir('/proc/self/fd').catch(() => [])
  const open = await Promise.all(descriptors.map((fd) => readlink(join('/proc/self/fd', fd)).catch(() => '')))
  return [...lying, ...open.filter((path) => path.includes('tidings-upload-'))]
}
afterEach(async () => {
  await until(async () => expect(await spooled()).toEqual([]))
  expect(warnings.splice(0)).toEqual([])
})

interface Sending {
  readonly sent: ClientRequest
  readonly answer: Promise<{
    readonly status: number
    readonly body: GraphqlBody
    readonly headers: IncomingMessage['headers']
  }>
}
/** Begins a multipart request; the caller continues with `sent.write`. */
function send(headers: Record<string, string> = {}, to: ServerFixture = fixture): Sending {
  const sent = request(`${to.server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=x', ...headers },
  })
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<Sending['answer']>>()
  sent.on('response', (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as GraphqlBody, headers: response.headers }),
    )
  })
  sent.on('error', reject)
  promise.catch(() => undefined)
  return { sent, answer: promise }
}
const post = (body: string): Sending['answer'] => {
  const { sent, answer } = send()
  sent.end(body)
  return answer
}

describe('an upload', () => {
  test('is read chunk by chunk, with its name and bytes, several at once', async () => {
    const answers = [1, 2, 3].map(async (count) => {
      const { sent, answer } = send()
      sent.write(start + fileHead('0'))
      for (let piece = 0; piece < count * 10; piece++) sent.write(Buffer.alloc(60_000, 97))
      sent.end(`\r\n${end}`)
      return (await answer).body
    })
    expect(await Promise.all(answers)).toEqual([600_000, 1_200_000, 1_800_000].map((upload) => ({ data: { upload } })))
  })

  test.each([
    ['say %22hi%22.md', 'say "hi".md'],
    ['one%0D%0Atwo.md', 'one\r\ntwo.md'],
    ['100%25 %2522 %0a.md', '100%25 %2522 %0a.md'],
  ])('named %s by a browser has the name %j', async (escaped, uploadName) => {
    const query = JSON.stringify({
      query: 'mutation ($file: File!) { uploadName(file: $file) }',
      variables: { file: null },
    })
    const named = file('0').replace('filename="0.md"', `filename="${escaped}"`)
    expect((await post(field('operations', query) + field('map', map) + named + end)).body).toEqual({
      data: { uploadName },
    })
  })

  test('is an unnamed file on disk while it arrives, and removed when it is cut off, without an error logged', async () => {
    const { sent, answer } = send({ 'content-length': '1000000' })
    sent.write(start + fileHead('0'))
    sent.write(Buffer.alloc(100_000, 97))
    await until(async () =>
      expect(await spooled()).toEqual([expect.stringMatching(/^\/.*tidings-upload-.*\(deleted\)$/)]),
    )
    sent.destroy()
    await expect(answer).rejects.toThrow()
    await until(async () => expect(await spooled()).toEqual([]))
    expect(warnings).toEqual([])
  })

  test.each([
    ['before anything', ''],
    ['within operations', field('operations', operations).slice(0, 80)],
    ['between map and file', start],
    ['within the head of the file', start + fileHead('0').slice(0, 40)],
    ['within the last boundary', `${start}${file('0')}--`],
  ])('that is cut off %s leaves the server unchanged', async (_where, body) => {
    const before = fixture.server.metrics.refusals.get('body') ?? 0
    const { sent, answer } = send({ 'content-length': '100000' })
    sent.write(body)
    await new Promise<void>((resolve) => sent.write(' '.repeat(body === '' ? 1 : 0) || ' ', () => resolve()))
    sent.destroy()
    await expect(answer).rejects.toThrow()
    await until(() => expect(fixture.server.metrics.refusals.get('body') ?? 0).toBe(before + 1))
    expect((await post(start + file('0') + end)).body).toEqual({ data: { upload: 4 } })
  })

  test('is refused as soon as its length is announced, before a byte of it arrives', async () => {
    const { sent, answer } = send({ 'content-length': '50000000' })
    sent.flushHeaders()
    const { status, body } = await answer
    expect(status).toBe(413)
    expect(body.errors?.[0]).toMatchObject({
      message: 'The upload is too large; at most 2000000 bytes are allowed (MAX_UPLOAD_BYTES)',
      extensions: { code: 'REQUEST_TOO_LARGE' },
    })
    sent.destroy()
  })

  test('of unannounced length is refused when it exceeds the limit, and its connection does not hang', async () => {
    const { sent, answer } = send()
    sent.write(start + fileHead('0'))
    let isAnswered = false
    const answered = answer.finally(() => {
      isAnswered = true
    })
    let bytes = 0
    while (!isAnswered && bytes < 50_000_000) {
      bytes += 50_000
      if (!sent.write(Buffer.alloc(50_000, 97)))
        await Promise.race([new Promise((resolve) => sent.once('drain', resolve)), answered.catch(() => undefined)])
    }
    const { status, body } = await answered
    expect(status).toBe(413)
    // The limit of the file or of all files, whichever a chunk exceeds first.
    expect(body.errors?.[0]?.message).toMatch(
      /^The (file "0.md"|upload) is too large; at most 2000000 bytes are allowed \(MAX_UPLOAD_BYTES\)$/,
    )
    expect(bytes).toBeLessThan(50_000_000)
    // A client that continues to send after the response is cut off.
    await until(() => expect(sent.socket?.destroyed).toBe(true))
  })

  test.each([
    [
      'a file before the map',
      field('operations', operations) + file('0') + field('map', map),
      '"map" must come before "0"',
    ],
    ['a file before everything', file('0') + start, '"operations" must come first'],
    ['map before operations', field('map', map) + field('operations', operations), '"operations" must come first'],
    ['operations twice', start + field('operations', operations), '"operations" is there twice'],
    ['operations as a file', file('operations', operations), '"operations" must come first and be text'],
    ['operations that are no JSON', field('operations', '{'), '"operations" must be valid JSON'],
    ['operations that are a list', field('operations', '[]'), 'must be one operation'],
    ['a map that is a list', field('operations', operations) + field('map', '[]'), '"map" must be a JSON object'],
    ['a map of something else', field('operations', operations) + field('map', '{"0":1}'), 'must be a list'],
    ['a file that is not in the map', start + file('1'), '"1" is not in "map"'],
    ['a text for a file', start + field('0', 'text'), 'must be one file'],
    ['the same file twice', start + file('0') + file('0'), 'is there twice'],
    ['a file that is missing', start, '"0" is in "map", and was not sent'],
    ['no operations', '', '"operations" is missing'],
    [
      'too many files',
      field('operations', operations) +
        field('map', JSON.stringify(Object.fromEntries(Array.from({ length: 11 }, (_, index) => [index, []])))),
      'at most 10 files',
    ],
    [
      'a place outside of the variables',
      field('operations', operations) + field('map', '{"0":["query"]}') + file('0'),
      'no place "query"',
    ],
    [
      'a place in the prototype',
      field('operations', operations) + field('map', '{"0":["variables.__proto__.file"]}') + file('0'),
      'no place',
    ],
    [
      'a place in nothing',
      field('operations', operations) + field('map', '{"0":["variables.a.b"]}') + file('0'),
      'no place',
    ],
  ])('with %s is refused with the reason', async (_what, body, message) => {
    const answer = await post(body + end)
    expect(answer.body.errors?.[0]).toMatchObject({
      message: expect.stringContaining(message),
      extensions: { code: 'BAD_INPUT' },
    })
    expect(answer.status).toBe(400)
  })

  test('without an end, or with operations that are too large, is refused', async () => {
    expect((await post(start + file('0'))).body.errors?.[0]?.message).toContain('malformed')
    const large = await post(field('operations', JSON.stringify({ query: 'x'.repeat(6_000) })) + end)
    expect(large.status).toBe(413)
    expect(large.body.errors?.[0]?.message).toContain('at most 5000 bytes are allowed (MAX_BODY_BYTES)')
  })

  test('of several files assigns each to its variables', async () => {
    const many = JSON.stringify({
      query: 'mutation ($file: File!, $more: [File!]) { upload(file: $file, more: $more) }',
      variables: { file: null, more: [null, null] },
    })
    const places = JSON.stringify({ a: ['variables.file', 'variables.more.1'], b: ['variables.more.0'] })
    const { body } = await post(
      field('operations', many) + field('map', places) + file('a', 'aaa') + file('b', 'bb') + end,
    )
    expect(body).toEqual({ data: { upload: 8 } })
  })

  test('that arrives byte by byte, or stops, is refused in time, like any other body', async () => {
    await using own = await startTestServer({ bodyPace: { bodyMs: 300, windowMs: 200, windowBytes: 1_000 } })
    const slow = send({}, own)
    slow.sent.write(start + fileHead('0'))
    const timer = setInterval(() => slow.sent.write('a'), 20)
    const { status, body } = await slow.answer
    clearInterval(timer)
    expect([status, body.errors?.[0]?.extensions['code']]).toEqual([408, 'REQUEST_TOO_SLOW'])
    slow.sent.destroy()
    const json = send({ 'content-type': 'application/json' }, own)
    json.sent.write('{"query":')
    expect((await json.answer).status).toBe(408)
    json.sent.destroy()
  })

  test('counts toward the limit of concurrent uploads of a viewer', async () => {
    await using own = await startTestServer({ environment: { MAX_UPLOADS_PER_VIEWER: '2', JWT_SECRET: secret } })
    const [ada, bob] = await Promise.all(
      ['ada', 'bob'].map(async (sub) => ({ authorization: `Bearer ${await signToken({ sub })}` })),
    )
    const begin = (headers = ada): Sending => {
      const sending = send(headers, own)
      sending.sent.write(`${start}${fileHead('0')}a`)
      return sending
    }
    const first = [begin(), begin()]
    await until(async () => expect(await spooled()).toHaveLength(2))
    const third = begin()
    const { status, body, headers } = await third.answer
    expect([status, body.errors?.[0]?.extensions['code'], headers['retry-after']]).toEqual([429, 'RATE_LIMITED', '5'])
    const other = begin(bob)
    other.sent.end(`\r\n${end}`)
    expect((await other.answer).body).toEqual({ data: { upload: 1 } })
    for (const { sent, answer } of first) {
      sent.end(`bc\r\n${end}`)
      expect((await answer).body).toEqual({ data: { upload: 3 } })
    }
    third.sent.destroy()
    const again = begin()
    again.sent.end(`bc\r\n${end}`)
    expect((await again.answer).body).toEqual({ data: { upload: 3 } })
  })
})
