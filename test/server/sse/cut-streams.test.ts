import { execFile } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Site, startSite } from '../../client/support/site.ts'
import { startNginx, type TestNginx } from '../../support/nginx.ts'

let site: Site
let nginx: TestNginx
let nginxHttp2: TestNginx
beforeAll(async () => {
  site = await startSite({ MAX_STREAM_MS: '1000' })
  nginx = await startNginx([site.server.port])
  nginxHttp2 = await startNginx([site.server.port], { listenOptions: 'http2' })
})
afterAll(async () => {
  await nginxHttp2?.[Symbol.asyncDispose]()
  await nginx?.[Symbol.asyncDispose]()
  await site?.[Symbol.asyncDispose]()
})

const query = 'subscription ($id: ID!, $after: Cursor) { taskProgress(taskId: $id, after: $after) { cursor seq } }'
const bare = 'subscription ($id: ID!) { taskProgress(taskId: $id) { seq } }'
/** Selects a field that depends on the viewer too. */
const own = (document: string) => document.replace('seq }', 'seq ... on TaskSnapshot { task { input } } }')

/**
 * Reads an event stream as `curl -N` does.
 * @returns its exit status: 0 when the body looks complete
 */
function curl(url: string, id: string, args: readonly string[] = []): Promise<{ code: number; text: string }> {
  const headers = ['content-type: application/json', 'accept: text/event-stream'].flatMap((header) => ['-H', header])
  const body = JSON.stringify({ query, variables: { id } })
  return new Promise((resolve) => {
    execFile('curl', ['-sN', ...args, `${url}/graphql`, ...headers, '-d', body], (error, text) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, text }),
    )
  })
}

describe('an event stream that is cut', () => {
  test.for([
    ['HTTP/1.1', () => site.server.url, [] as readonly string[]],
    ['HTTP/1.0', () => site.server.url, ['--http1.0']],
    ['HTTP/1.1 behind nginx', () => nginx.url, []],
    ['HTTP/2 behind nginx', () => nginxHttp2.url, ['--http2-prior-knowledge']],
  ] as const)('looks broken to a plain reader over %s, while a complete one does not', async ([, url, args]) => {
    const running = await site.count(1)
    const [cut, completed] = await Promise.all([
      curl(url(), running, args),
      site.count(1, true).then(async (id) => {
        await site.engine.history({ id, kind: 'GENERATE_PROJECT' })
        return curl(url(), id, args)
      }),
    ])
    expect(cut.text).not.toContain('event: complete')
    // nginx discards unsent data when it resets an HTTP/2 stream.
    if (!args.join().includes('http2'))
      expect(cut.text).toMatch(/retry: \d+\n\n: this stream has lasted long enough; connect again\n\n$/)
    expect(cut.code).not.toBe(0)
    expect(completed.text).toMatch(/event: complete\ndata:\n\n$/)
    expect(completed.code).toBe(0)
  })
})

describe.for([
  ['shared executions', (document: string) => document],
  ['an execution for each', own],
] as const)('Last-Event-ID, with %s', ([, change]) => {
  interface StreamEvent {
    readonly id: string | undefined
    readonly type: string | undefined
    readonly data: string
  }
  /** Opens a stream as EventSource does, and reads until it is complete or cut. */
  async function open(document: string, id: string, lastEventId?: string) {
    const params = new URLSearchParams({ query: change(document), variables: JSON.stringify({ id }) })
    const response = await fetch(`${site.server.url}/graphql?${params}`, {
      headers: { accept: 'text/event-stream', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
    })
    let text = ''
    try {
      const body = response.body?.pipeThrough(new TextDecoderStream()) ?? []
      for await (const chunk of body) text += chunk
    } catch (error) {
      // Cut, for its reader to resume.
      if (!(error instanceof TypeError)) throw error
    }
    const events = text.split('\n\n').map((block): StreamEvent => {
      const field = (name: string) =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2)
      return { id: field('id'), type: field('event'), data: field('data') ?? '' }
    })
    const named = events.filter(({ type }) => type !== undefined)
    const seqs = named
      .filter(({ type }) => type === 'next')
      .flatMap(({ data }) => {
        const result = JSON.parse(data) as { data?: { taskProgress: { seq: number } } }
        return result.data === undefined ? [] : [result.data.taskProgress.seq]
      })
    return { status: response.status, events: named, seqs }
  }
  const finish = async (): Promise<string> => {
    const id = await site.count(3, true)
    await site.engine.history({ id, kind: 'GENERATE_PROJECT' })
    return id
  }

  test.for([
    ['with the variable', query],
    ['without the argument', bare],
  ] as const)('resumes a document %s, and is answered with 204 after the terminal event', async ([, document]) => {
    const id = await finish()
    const all = await site.engine.events({ id })
    const replay = document.replace('taskId: $id', 'taskId: $id, fromStart: true')
    const whole = await open(replay, id)
    expect(whole.seqs).toEqual(all.map(({ seq }) => seq))
    expect(whole.events.every((event) => event.id !== undefined)).toBe(true)
    expect(whole.events.at(-1)?.type).toBe('complete')
    for (const [index, { id: cursor }] of whole.events.slice(0, -2).entries()) {
      const resumed = await open(document, id, cursor)
      expect(resumed.seqs).toEqual(whole.seqs.slice(index + 1))
    }
    for (const event of whole.events.slice(-2)) {
      expect(await open(replay, id, event.id)).toEqual({ status: 204, events: [], seqs: [] })
    }
  })

  test('of a terminal event is answered with 204 when it is polled, and that of an event before it is not', async () => {
    const id = await finish()
    const { events } = await open(query.replace('taskId: $id', 'taskId: $id, fromStart: true'), id)
    const poll = async (after: string | undefined) => {
      const response = await fetch(`${site.server.url}/graphql`, {
        method: 'POST',
        headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
        body: JSON.stringify({ query: change(query), variables: { id, after }, extensions: { catchUp: true } }),
      })
      return { status: response.status, isEmpty: (await response.text()) === '' }
    }
    const results = events.filter(({ type }) => type === 'next')
    expect(await poll(results.at(-2)?.id)).toEqual({ status: 200, isEmpty: false })
    expect(await poll(results.at(-1)?.id)).toEqual({ status: 204, isEmpty: true })
  })

  test('resumes on a running task without events for a while', async () => {
    const id = await site.count(2)
    const first = await open(query, id)
    const cursor = first.events.at(-1)?.id
    const resuming = open(bare, id, cursor)
    await vi.waitFor(() => expect(site.server.metrics.connections.sse).toBe(1))
    site.step(1)
    const resumed = await resuming
    const events = await site.engine.events({ id })
    const last = first.seqs.at(-1) ?? 0
    expect(resumed.status).toBe(200)
    expect(resumed.seqs).toEqual(events.map(({ seq }) => seq).filter((seq) => seq > last))
    expect(resumed.seqs.length).toBeGreaterThan(0)
    site.step(1)
  })

  test('that is not a cursor is refused as an error of the operation', async () => {
    const { events } = await open(query, await finish(), 'nonsense')
    expect(events.map(({ type }) => type)).toEqual(['next', 'complete'])
    expect(events[0]?.data).toContain('BAD_CURSOR')
  })
})
