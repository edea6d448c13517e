import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { openStream } from '../server/sse/sse.ts'
import { ask, subscribe } from '../server/support.ts'
import { viewerOf } from '../support/api.ts'
import { type Door, openDoor } from './support.ts'

const watch = 'subscription ($id: ID!) { taskProgress(taskId: $id) { __typename } }'

describe('the audit log', () => {
  let door: Door
  beforeAll(async () => {
    door = await openDoor({
      MAX_STARTS_PER_MINUTE: '5',
      MAX_SUBSCRIPTIONS_PER_SOCKET: '2',
      MAX_SOCKETS_PER_VIEWER: '3',
      MAX_QUERY_COST: '200',
      MAX_BODY_BYTES: '20000',
      MAX_MESSAGE_BYTES: '5000',
    })
  })
  afterAll(() => door[Symbol.asyncDispose]())
  const find = (wanted: object) => vi.waitFor(async () => expect(await door.entries()).toContainEqual(entry(wanted)))
  const entry = (wanted: object) => expect.objectContaining(wanted)
  const startTask = async (owner: string) => {
    const { document, task } = await door.api.services.documents.import({
      owner,
      name: 'a.md',
      bytes: Buffer.from('# A\n\nText.'),
    })
    return { documentId: document.id, taskId: task.id }
  }

  it('records connections over each transport, with user, address and user agent', async () => {
    const { taskId } = await startTask('ada')
    const body = { variables: { id: taskId }, headers: { ...(await door.headers('ada')), 'user-agent': 'streams' } }
    await using _stream = await openStream(door.server.url, watch, body)
    await using poll = await openStream(door.server.url, watch, {
      ...body,
      headers: { ...body.headers, 'user-agent': 'polls' },
      extensions: { catchUp: true },
    })
    await poll.rest()
    const client = door.client('bob')
    await ask(client, '{ viewer { id } }')
    const who = { event: 'CONNECTED', userId: 'ada', address: '127.0.0.1' }
    await find({ ...who, subject: 'sse', userAgent: 'streams' })
    await find({ ...who, subject: 'polling', userAgent: 'polls' })
    await find({ ...who, subject: 'ws', userId: 'bob' })
  })

  it('records accepted and refused subscriptions', async () => {
    const { taskId } = await startTask('ada')
    await using _mine = await openStream(door.server.url, watch, {
      variables: { id: taskId },
      headers: await door.headers('ada'),
    })
    const client = door.client('eve')
    await expect(ask(client, watch, { id: taskId })).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
    await find({ event: 'SUBSCRIBED', userId: 'ada', subject: `task:${taskId}` })
    await find({ event: 'REFUSED', userId: 'eve', reason: 'not_found', detail: expect.stringContaining(taskId) })
  })

  it('records refused tokens and origins, over HTTP and over WebSocket, without the token', async () => {
    const authorization = 'Bearer abcdefgh.ijklmnop.qrstuvwx'
    expect((await door.post('{ viewer { id } }', {}, { authorization })).status).toBe(401)
    const expired = door.client('ada', { token: authorization })
    expect(await subscribe(expired, '{ viewer { id } }').ended).toMatchObject({ code: 4401 })
    expect((await door.post('{ viewer { id } }', {}, { origin: 'https://evil.example' })).status).toBe(403)
    const socket = new WebSocket(door.server.wsUrl, 'graphql-transport-ws', { origin: 'https://evil.example' })
    await once(socket, 'error')
    await find({ event: 'REFUSED', reason: 'token', subject: 'http', address: '127.0.0.1', userId: null })
    await find({ event: 'REFUSED', reason: 'token', subject: 'ws' })
    await find({ event: 'REFUSED', reason: 'origin', subject: 'http', detail: expect.stringContaining('evil.example') })
    await find({ event: 'REFUSED', reason: 'origin', subject: 'ws' })
    expect(JSON.stringify(await door.entries())).not.toContain('qrstuvwx')
  })

  it('records granted and revoked permissions', async () => {
    const { documentId } = await startTask('ada')
    const headers = await door.headers('ada')
    const variables = { id: documentId }
    await door.post(
      'mutation ($id: ID!) { shareDocument(input: { documentId: $id, userId: "bob" }) { __typename } }',
      variables,
      headers,
    )
    await door.post(
      'mutation ($id: ID!) { revokeDocument(input: { documentId: $id, userId: "bob" }) { __typename } }',
      variables,
      headers,
    )
    const who = { userId: 'ada', userAgent: 'node', subject: `document:${documentId}` }
    await find({ ...who, userAgent: expect.anything(), event: 'SHARED', detail: 'with bob' })
    await find({ ...who, userAgent: expect.anything(), event: 'REVOKED', detail: 'from bob' })
  })

  it('records notifications to all users, and callers that were refused', async () => {
    const notify = 'mutation { notify(input: { level: INFORMATION, title: "Hello" }) { __typename } }'
    expect((await door.post(notify, {}, await door.headers('eve'))).errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN' } },
    ])
    expect((await door.post(notify)).errors).toBeUndefined()
    await find({ event: 'BROADCAST', userId: 'root', subject: expect.stringContaining('notification') })
    await find({ event: 'REFUSED', userId: 'eve', reason: 'role' })
  })

  it('records each limit that was reached', async () => {
    const headers = await door.headers('greedy')
    const { taskId } = await startTask('greedy')
    const many = '{ taskList: viewer { id } }'
    expect((await door.post(`${many} #${'x'.repeat(30_000)}`, {}, headers)).status).toBe(413)
    await find({ event: 'LIMITED', userId: 'greedy', reason: 'body' })

    const importText = `mutation { importDocument(input: { source: { text: "# A" }, name: "a.md" }) { __typename } }`
    for (let i = 0; i < 6; i++) await door.post(importText, {}, headers)
    // The limit of starts is not one of the budgets, which the subject names.
    await find({ event: 'LIMITED', userId: 'greedy', reason: 'rate', subject: null })

    await door.post('query Much { tasks(first: 100) { nodes { progress { percent } } } }', {}, headers)
    await find({ event: 'LIMITED', userId: 'greedy', reason: 'cost', subject: 'Much' })

    const client = door.client('greedy')
    const subscriptions = [1, 2, 3].map(() => subscribe(client, watch, { id: taskId }))
    expect(await subscriptions[2]?.ended).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }])
    await find({ event: 'LIMITED', userId: 'greedy', reason: 'subscriptions' })

    const big = `{ viewer { id } } #${'x'.repeat(6_000)}`
    expect(await subscribe(door.client('big'), big).ended).toMatchObject({ code: 1009 })
    await find({ event: 'LIMITED', userId: 'big', reason: 'message' })

    for (let i = 0; i < 4; i++) subscribe(door.client('crowd'), watch, { id: taskId })
    await find({ event: 'LIMITED', userId: 'crowd', reason: 'viewer' })
  })

  it('is for administrators only, and records other callers', async () => {
    const headers = await door.headers('eve')
    for (const query of ['{ auditLog { nodes { id } } }', '{ connectionStats { connections } }']) {
      const { errors } = await door.post(query, {}, headers)
      expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
      expect((await door.post(query, {}, {})).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
    }
    const client = door.client('eve')
    const refused = ask(client, 'subscription { connectionStatsUpdates { connections } }')
    await expect(refused).rejects.toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
    await find({ event: 'REFUSED', userId: 'eve', reason: 'role' })
  })

  it('is read page by page, and by user, event and time', async () => {
    const { audit } = door.api.engine.admin
    const before = new Date()
    for (let i = 0; i < 5; i++)
      audit.note('SHARED', { userId: 'pages', address: '::1', userAgent: null }, { subject: `s${i}` })
    audit.note('REVOKED', { userId: 'pages', address: '::1', userAgent: null })
    await audit.flush()
    interface Read {
      auditLog: { nodes: { subject: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } }
    }
    const read = async (variables: object) => {
      const { data } = await door.post<Read>(
        `query ($after: String, $since: DateTime, $event: AuditEvent) {
          auditLog(first: 2, userId: "pages", after: $after, since: $since, event: $event) {
            nodes { subject } pageInfo { hasNextPage endCursor }
          }
        }`,
        { event: 'SHARED', ...variables },
      )
      return data.auditLog
    }
    const subjects: string[] = []
    let after: string | undefined
    for (let isMore = true; isMore; ) {
      const page = await read({ after, since: before })
      subjects.push(...page.nodes.map(({ subject }) => subject))
      isMore = page.pageInfo.hasNextPage
      after = page.pageInfo.endCursor
    }
    expect(subjects.sort()).toEqual(['s0', 's1', 's2', 's3', 's4'])
    expect((await read({ since: new Date(Date.now() + 60_000) })).nodes).toEqual([])
    expect((await read({ event: 'REVOKED' })).nodes).toHaveLength(1)
  })
})

describe('connection statistics', () => {
  const stats = `connections subscriptions byTransport { transport connections } byField { name subscriptions }
    byTopic { name subscriptions } byViewer { userId connections } servers { name connections }
    oldest { transport userId address userAgent subscriptions unreadBytes } slowest { userId unreadBytes }`
  interface Stats {
    readonly connections: number
    readonly byTransport: readonly { readonly transport: string; readonly connections: number }[]
    readonly oldest: readonly { readonly userId: string; readonly transport: string }[]
    readonly slowest: readonly { readonly userId: string; readonly unreadBytes: number }[]
  }

  it('are live: connections appear over each transport, with their subscriptions, and disappear', async () => {
    await using door = await openDoor()
    const { taskId } = await startWaiting(door)
    const seen: Stats[] = []
    const reading = (async () => {
      for await (const { connectionStatsUpdates } of door.api.watch(
        `subscription { connectionStatsUpdates { ${stats} } }`,
      ) as AsyncIterable<{ connectionStatsUpdates: Stats }>)
        seen.push(connectionStatsUpdates)
    })()
    await vi.waitFor(() => expect(seen.at(-1)).toMatchObject({ connections: 0 }))
    const options = { variables: { id: taskId }, headers: { ...(await door.headers('ada')), 'user-agent': 'streams' } }
    const stream = await openStream(door.server.url, watch, options)
    const client = door.client('ada')
    subscribe(client, watch, { id: taskId })
    await (await openStream(door.server.url, watch, { ...options, extensions: { catchUp: true } })).rest()
    await vi.waitFor(() =>
      expect(seen.at(-1)).toMatchObject({
        connections: 3,
        subscriptions: 2,
        byTransport: [
          { transport: 'WEBSOCKET', connections: 1 },
          { transport: 'SSE', connections: 1 },
          { transport: 'POLLING', connections: 1 },
        ],
        byField: [{ name: 'taskProgress', subscriptions: 2 }],
        byTopic: [{ name: `task:${taskId}`, subscriptions: 2 }],
        byViewer: [{ userId: 'ada', connections: 3 }],
        servers: [{ connections: 3 }],
      }),
    )
    expect(seen.at(-1)?.oldest).toContainEqual(
      expect.objectContaining({ transport: 'SSE', userAgent: 'streams', address: '127.0.0.1', subscriptions: 1 }),
    )
    await stream[Symbol.asyncDispose]()
    await client.dispose()
    await vi.waitFor(() => expect(seen.at(-1)?.oldest.map(({ transport }) => transport)).not.toContain('WEBSOCKET'))
    expect(seen.at(-1)?.byTransport).toContainEqual({ transport: 'SSE', connections: 0 })
    await door.server[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(seen.at(-1)).toMatchObject({ connections: 0, servers: [] }))
    void reading
  })
})

/** Starts a task that runs for the whole test. */
async function startWaiting(door: Door): Promise<{ taskId: string }> {
  door.api.provider.script = () => 'wait'
  const { taskId } = await door.api.startRoadmap('# A\n\n## B\n\nText.\n\n## C\n\nText.', viewerOf('ada'))
  return { taskId }
}
