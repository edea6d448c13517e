import { gql } from '@urql/core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { pipe, subscribe } from 'wonka'
import type { OutboxState } from '../../../client/outbox/outbox.ts'
import type { OfflineStorage } from '../../../client/outbox/storage-adapter.ts'
import type { TidingsClient } from '../../../client/tidings-client.ts'
import { conceptQuery, makeConcept, retryMutation } from '../support/roadmap.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually } from '../support/watch.ts'

let site: Site
let conceptId: string
beforeAll(async () => {
  site = await startSite()
  ;({ conceptId } = await makeConcept(site))
})
afterEach(() => site.proxy.heal())
afterAll(() => site[Symbol.asyncDispose]())

const outboxOf = (client: TidingsClient): OutboxState => client.outbox.getSnapshot()
const goOffline = (): void => {
  site.proxy.refuse()
  site.proxy.resetAll()
}
const tasksOf = async (kind: string): Promise<number> => {
  const { tasks } = await site.ask<{ tasks: { nodes: readonly { kind: string }[] } }>(
    '{ tasks(first: 100) { nodes { kind } } }',
  )
  return tasks.nodes.filter((task) => task.kind === kind).length
}
const settled = async (): Promise<void> => {
  await eventually(async () => {
    const { tasks } = await site.ask<{ tasks: { nodes: readonly { id: string }[] } }>(
      '{ tasks(status: [QUEUED, RUNNING, RETRYING]) { nodes { id } } }',
    )
    expect(tasks.nodes).toEqual([])
  })
}

/** Creates the storage of a browser, which outlives pages. */
function createStorage(): OfflineStorage & { readonly items: Map<string, string> } {
  const items = new Map<string, string>()
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    keys: () => [...items.keys()],
  }
}

test('keeps a mutation made offline, shows it as pending, and sends it once on return', async () => {
  const before = await tasksOf('RETRY_CONTENT')
  await using client = site.client()
  goOffline()
  const answer = client.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
  await eventually(() => expect(outboxOf(client).pending).toMatchObject([{ field: 'retryContent', status: 'waiting' }]))
  expect(outboxOf(client).pending[0]?.variables).toMatchObject({ input: { idempotencyKey: expect.any(String) } })
  await eventually(() => expect(outboxOf(client).pending[0]?.attempts).toBeGreaterThan(1))
  await site.proxy.heal()
  expect((await answer).data?.retryContent.__typename).toBe('RetryContentSuccess')
  expect(outboxOf(client)).toEqual({ pending: [], refused: [] })
  await settled()
  expect(await tasksOf('RETRY_CONTENT')).toBe(before + 1)
})

test('sends a mutation with a lost response again, and it is executed once', async () => {
  const before = await tasksOf('RETRY_CONTENT')
  await using client = site.client()
  // The request arrives; only the first bytes of the response do.
  site.proxy.cutAfter(10, 'toClient')
  const answer = client.urql.mutation(retryMutation, { input: { conceptId, piece: 'TUTORIAL' } }).toPromise()
  await eventually(() => expect(outboxOf(client).pending[0]?.attempts).toBeGreaterThan(0))
  await site.proxy.heal()
  expect((await answer).data?.retryContent.__typename).toBe('RetryContentSuccess')
  await settled()
  expect(await tasksOf('RETRY_CONTENT')).toBe(before + 1)
})

test('sends mutations made offline in the order in which they were made', async () => {
  const ids = await Promise.all([site.count(1), site.count(1), site.count(1)])
  await using client = site.client()
  goOffline()
  const cancel = gql(
    'mutation ($id: ID!, $reason: String) { cancelTask(input: { taskId: $id, reason: $reason }) { __typename } }',
  )
  const order: number[] = []
  const answers = ids.map((id, index) =>
    client.urql
      .mutation(cancel, { id, reason: `${index}` })
      .toPromise()
      .then(() => order.push(index)),
  )
  await eventually(() => expect(outboxOf(client).pending).toHaveLength(3))
  await site.proxy.heal()
  await Promise.all(answers)
  expect(order).toEqual([0, 1, 2])
  const tasks = await Promise.all(ids.map((id) => site.engine.events({ id })))
  const times = tasks.map((events) => String(events.at(-1)?.at))
  expect(times).toEqual([...times].sort())
})

test('shows a piece as generating at once, and rolls back when that is refused', async () => {
  await using client = site.client()
  const seen: (string | undefined)[] = []
  const { unsubscribe } = pipe(
    client.urql.query(conceptQuery, { id: conceptId }),
    subscribe(({ data }) => void seen.push(data?.node?.quiz.status)),
  )
  await eventually(() => expect(seen).toEqual(['COMPLETED']))
  goOffline()
  // Another client is faster; this one's mutation will cause a conflict.
  site.provider.script = () => 'wait'
  await site.ask('mutation ($id: ID!) { retryContent(input: { conceptId: $id, piece: QUIZ }) { __typename } }', {
    id: conceptId,
  })
  const answer = client.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
  await eventually(() => expect(seen.at(-1)).toBe('GENERATING'))
  await eventually(() => expect(outboxOf(client).pending).toHaveLength(1))
  await site.proxy.heal()
  expect((await answer).data?.retryContent.__typename).toBe('ConflictError')
  await eventually(() => expect(seen.at(-1)).toBe('COMPLETED'))
  expect(outboxOf(client)).toMatchObject({
    pending: [],
    refused: [{ field: 'retryContent', status: 'refused', reason: expect.any(String) }],
  })
  client.outbox.dismiss(outboxOf(client).refused[0]?.id ?? '')
  expect(outboxOf(client).refused).toEqual([])
  unsubscribe()
  site.provider.script = () => 'text'
  site.provider.release()
  await settled()
})

test('keeps pending mutations across a reload, shows their optimistic state again, and sends them with the same key', async () => {
  const storage = createStorage()
  const before = await tasksOf('RETRY_CONTENT')
  const page = site.client({ storage })
  goOffline()
  void page.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
  await eventually(() => expect(storage.items.size).toBe(1))
  const [entry] = outboxOf(page).pending
  await page.dispose()

  await using reloaded = site.client({ storage })
  await eventually(() =>
    expect(outboxOf(reloaded).pending).toMatchObject([
      { id: entry?.id, variables: entry?.variables, createdAt: entry?.createdAt },
    ]),
  )
  await site.proxy.heal()
  await eventually(() => expect(outboxOf(reloaded).pending).toEqual([]))
  await eventually(() => expect(storage.items.size).toBe(0))
  expect(outboxOf(reloaded).refused).toEqual([])
  await settled()
  expect(await tasksOf('RETRY_CONTENT')).toBe(before + 1)
})

test('does not take over pending mutations of another open tab', async () => {
  const storage = createStorage()
  await using one = site.client({ storage })
  goOffline()
  void one.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
  await eventually(() => expect(storage.items.size).toBe(1))
  await using other = site.client({ storage })
  void other.urql.mutation(retryMutation, { input: { conceptId, piece: 'TUTORIAL' } }).toPromise()
  await eventually(() => expect(storage.items.size).toBe(2))
  expect(outboxOf(other).pending).toHaveLength(1)
  await site.proxy.heal()
  await eventually(() => expect(storage.items.size).toBe(0))
  await settled()
})

test('discards pending mutations on request', async () => {
  const before = await tasksOf('RETRY_CONTENT')
  await using client = site.client()
  goOffline()
  const answer = client.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
  await eventually(() => expect(outboxOf(client).pending).toMatchObject([{ status: 'waiting' }]))
  client.outbox.dismiss(outboxOf(client).pending[0]?.id ?? '')
  expect((await answer).error?.message).toMatch(/Taken back/)
  await site.proxy.heal()
  expect(await tasksOf('RETRY_CONTENT')).toBe(before)
})

test('aborts an unanswered request in time, and sends it again', async () => {
  const before = await tasksOf('RETRY_CONTENT')
  await using client = site.client({ timing: { requestMs: 100 } })
  site.proxy.stall()
  const answer = client.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
  await eventually(() =>
    expect(outboxOf(client).pending).toMatchObject([{ reason: expect.stringMatching(/did not answer within 100 ms/) }]),
  )
  site.proxy.resume()
  expect((await answer).data?.retryContent.__typename).toBe('RetryContentSuccess')
  await settled()
  expect(await tasksOf('RETRY_CONTENT')).toBe(before + 1)
})

test('does not resend a mutation that must run only once after its response was lost, and reports that', async () => {
  await using client = site.client({ cache: 'none' })
  site.proxy.cutAfter(10, 'toClient')
  const { error } = await client.urql.mutation(gql('mutation { somethingWithoutAKey }'), {}).toPromise()
  expect(error?.networkError).toBeInstanceOf(Error)
  expect(outboxOf(client).pending).toEqual([])
})

describe('with several users in one browser', () => {
  const tokenOf = (sub: string): string => `e30.${btoa(JSON.stringify({ sub }))}.x`
  const ids = (storage: { readonly items: Map<string, string> }): readonly string[] =>
    [...storage.items.values()].map((text) => (JSON.parse(text) as { readonly user: string }).user)
  /**
   * Ada sends a mutation offline, and before the connection is back another user signs in on the
   * same page.
   */
  const askAndSignInAnother = async (storage?: OfflineStorage) => {
    let user = 'ada'
    const page = site.client({ ...(storage && { storage }), token: () => tokenOf(user) })
    await page.urql.query('{ viewer { id } }', {}).toPromise()
    goOffline()
    const answer = page.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
    await eventually(() => expect(outboxOf(page).pending).toHaveLength(1))
    user = 'bob'
    await site.proxy.heal()
    expect((await answer).error?.message).toMatch(/made by another user/)
    return {
      page,
      signIn(name: string) {
        user = name
      },
    }
  }

  test('a mutation made offline by one user is never sent for another, and is sent when the first is back', async () => {
    const storage = createStorage()
    const before = await tasksOf('RETRY_CONTENT')
    const page = site.client({ storage, token: () => tokenOf('ada') })
    await page.urql.query('{ viewer { id } }', {}).toPromise()
    goOffline()
    void page.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
    await eventually(() => expect(ids(storage)).toEqual(['ada']))
    await page.dispose()
    await site.proxy.heal()

    const other = site.client({ storage, token: () => tokenOf('bob') })
    await other.urql.query('{ viewer { id } }', {}).toPromise()
    const own = await other.urql.mutation(retryMutation, { input: { conceptId, piece: 'TUTORIAL' } }).toPromise()
    expect(own.data?.retryContent.__typename).toBe('RetryContentSuccess')
    expect(outboxOf(other).pending).toEqual([])
    expect(ids(storage)).toEqual(['ada'])
    await other.dispose()
    await settled()
    expect(await tasksOf('RETRY_CONTENT')).toBe(before + 1)

    await using back = site.client({ storage, token: () => tokenOf('ada') })
    await eventually(() => expect(storage.items.size).toBe(0))
    expect(outboxOf(back)).toEqual({ pending: [], refused: [] })
    await settled()
    expect(await tasksOf('RETRY_CONTENT')).toBe(before + 2)
  })

  test('also not when the other signs in on the same page, before the connection is back', async () => {
    const storage = createStorage()
    const before = await tasksOf('RETRY_CONTENT')
    const { page } = await askAndSignInAnother(storage)
    expect(outboxOf(page)).toEqual({ pending: [], refused: [] })
    expect(ids(storage)).toEqual(['ada'])
    await page.dispose()
    expect(await tasksOf('RETRY_CONTENT')).toBe(before)

    await using back = site.client({ storage, token: () => tokenOf('ada') })
    await eventually(() => expect(storage.items.size).toBe(0))
    expect(outboxOf(back).refused).toEqual([])
    await settled()
    expect(await tasksOf('RETRY_CONTENT')).toBe(before + 1)
  })

  test('and is sent on that page as soon as the first user is back', async () => {
    const before = await tasksOf('RETRY_CONTENT')
    const { page, signIn } = await askAndSignInAnother()
    await using _open = page
    signIn('ada')
    await page.urql.query('{ viewer { id } }', {}, { requestPolicy: 'network-only' }).toPromise()
    await eventually(async () => expect(await tasksOf('RETRY_CONTENT')).toBe(before + 1))
    await settled()
    expect(outboxOf(page)).toEqual({ pending: [], refused: [] })
  })
})

describe('when a page is killed', () => {
  const cancel = gql(
    'mutation ($id: ID!, $reason: String) { cancelTask(input: { taskId: $id, reason: $reason }) { __typename } }',
  )
  const tokenOf = (sub: string): string => `e30.${btoa(JSON.stringify({ sub }))}.x`
  const reasonsIn = (items: ReadonlyMap<string, string>): readonly unknown[] =>
    [...items.values()].map(
      (text) => (JSON.parse(text) as { readonly variables: { readonly reason: unknown } }).variables.reason,
    )
  /**
   * Returns the content of the storage after the client's page is closed. Web Locks end with a
   * page, which a test in one process cannot reproduce.
   */
  const afterDeathOf = (storage: { readonly items: ReadonlyMap<string, string> }) => {
    const left = createStorage()
    for (const [key, text] of storage.items) left.items.set(key, text.replace(/"owner":"[^"]*"/, '"owner":"gone"'))
    return left
  }

  test.each([
    ['without a token', {}],
    ['whose user is not known yet', { token: () => Promise.resolve(tokenOf('ada')) }],
  ])('every repeatable mutation has been stored before it is sent: a client %s', async (_, options) => {
    const storage = createStorage()
    const stored: (readonly unknown[])[] = []
    await using client = site.client({
      storage,
      ...options,
      fetch: (input, init) => {
        if (String(init?.body).includes('cancelTask')) stored.push(reasonsIn(storage.items))
        return fetch(input, init)
      },
    })
    const id = await site.count(1)
    const answers = ['one', 'two', 'three'].map((reason) => client.urql.mutation(cancel, { id, reason }).toPromise())
    await Promise.all(answers)
    expect(stored).toHaveLength(3)
    for (const [index, reason] of ['one', 'two', 'three'].entries()) expect(stored[index]).toContain(reason)
    await eventually(() => expect(storage.items.size).toBe(0))
  })

  test('nothing is lost: the next page sends everything once and in order, before its own mutations', async () => {
    const storage = createStorage()
    const ids = await Promise.all(Array.from({ length: 5 }, () => site.count(1)))
    const context = { tidingsLine: 'lane' }
    const dead = site.client({ storage, fetch: () => new Promise<never>(() => undefined) })
    // One is being sent, two wait behind it; a fourth of another lane is being sent too.
    for (const [index, id] of ids.slice(0, 3).entries())
      void dead.urql.mutation(cancel, { id, reason: `${index}` }, context).toPromise()
    void dead.urql.mutation(cancel, { id: ids[3] ?? '', reason: '3' }).toPromise()
    await eventually(() => expect(storage.items.size).toBe(4))

    const left = afterDeathOf(storage)
    const sent: unknown[] = []
    await using page = site.client({
      storage: left,
      fetch: (input, init) => {
        const { variables } = JSON.parse(String(init?.body)) as { readonly variables?: { readonly reason?: unknown } }
        if (variables?.reason !== undefined) sent.push(variables.reason)
        return fetch(input, init)
      },
    })
    await page.urql.mutation(cancel, { id: ids[4] ?? '', reason: '4' }, context).toPromise()
    expect(sent).toEqual(['0', '1', '2', '3', '4'])
    await eventually(() => expect(left.items.size).toBe(0))
    expect(outboxOf(page)).toEqual({ pending: [], refused: [] })
    await settled()
  })

  test('a storage that does not respond does not block it forever', async () => {
    const never = new Promise<never>(() => undefined)
    const storage: OfflineStorage = { ...createStorage(), setItem: () => never, keys: () => [] }
    const client = site.client({ storage })
    const id = await site.count(1)
    const { data } = await client.urql.mutation(cancel, { id, reason: 'sent' }).toPromise()
    expect(data).toMatchObject({ cancelTask: { __typename: 'CancelTaskSuccess' } })
    await settled()
  })
})

describe('a mutation that is useless later', () => {
  const cancel = gql(
    'mutation ($id: ID!, $reason: String) { cancelTask(input: { taskId: $id, reason: $reason }) { __typename } }',
  )
  const now = { outbox: false }

  test('fails at once without a connection, and is never stored or sent later', async () => {
    const storage = createStorage()
    let requests = 0
    await using client = site.client({
      storage,
      fetch: (input, init) => {
        requests += 1
        return fetch(input, init)
      },
    })
    goOffline()
    const id = await site.count(1)
    const { error } = await client.urql.mutation(cancel, { id, reason: 'now' }, now).toPromise()
    expect(error?.networkError).toBeInstanceOf(Error)
    expect(outboxOf(client)).toEqual({ pending: [], refused: [] })
    expect(storage.items.size).toBe(0)
    await site.proxy.heal()
    // A mutation of the outbox is sent now, and that one is not.
    await client.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
    expect(requests).toBe(2)
    await site.ask('mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }', { id })
    await settled()
  })

  test('does not wait for the mutations before it', async () => {
    const gate = Promise.withResolvers<void>()
    await using client = site.client({
      fetch: async (input, init) => {
        if (String(init?.body).includes('retryContent')) await gate.promise
        return fetch(input, init)
      },
    })
    const context = { tidingsLine: 'lane' }
    const before = client.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }, context).toPromise()
    const id = await site.count(1)
    const { data } = await client.urql.mutation(cancel, { id }, { ...context, ...now }).toPromise()
    expect(data).toMatchObject({ cancelTask: { __typename: 'CancelTaskSuccess' } })
    gate.resolve()
    await before
    await settled()
  })
})
