import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createOutboxStorage, type OutboxStorage, type StoredMutation } from '../../../client/outbox/outbox-storage.ts'
import { type OfflineStorage, toOfflineStorage } from '../../../client/outbox/storage-adapter.ts'

const url = 'http://localhost/graphql'
const askNobody = () => Promise.resolve(null)
const mutation = (id: string, rest: Partial<StoredMutation> = {}): StoredMutation => ({
  id,
  user: null,
  query: 'mutation { a }',
  variables: {},
  createdAt: 1,
  order: 1,
  attempts: 0,
  reason: '',
  isRepeatable: true,
  ...rest,
})

/** Creates a storage that completes its calls out of order. */
function createSlowStorage(items = new Map<string, string>()) {
  let calls = 0
  const later = async <T>(step: () => T): Promise<T> => {
    calls += 1
    for (let turns = (calls * 7) % 5; turns > 0; turns--) await Promise.resolve()
    return step()
  }
  const storage: OfflineStorage = {
    getItem: (key) => later(() => items.get(key) ?? null),
    setItem: (key, value) => later(() => void items.set(key, value)),
    removeItem: (key) => later(() => void items.delete(key)),
    keys: () => later(() => [...items.keys()]),
  }
  return { items, storage }
}
const idsIn = (items: ReadonlyMap<string, string>): string[] =>
  [...items.values()].map((text) => (JSON.parse(text) as StoredMutation).id).toSorted()
const settle = async (storages: readonly OutboxStorage[]): Promise<void> => {
  await Promise.all(storages.map((storage) => storage.release()))
}
afterEach(() => vi.unstubAllGlobals())

describe.each([
  ['with Web Locks', true],
  ['without Web Locks', false],
])('%s', (_, hasLocks) => {
  const prepare = (): void => {
    if (!hasLocks) vi.stubGlobal('navigator', {})
  }

  test('several tabs never overwrite each other’s stored mutations, in any order of writes', async () => {
    prepare()
    const step = fc.record({
      tab: fc.nat(2),
      ids: fc.uniqueArray(fc.nat(4), { maxLength: 4 }),
      waits: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const { items, storage } = createSlowStorage()
        const tabs = [0, 1, 2].map(() => createOutboxStorage(storage, url))
        const expected = new Map<number, readonly string[]>()
        const saves: Promise<void>[] = []
        for (const { tab, ids, waits } of steps) {
          const own = ids.map((id) => `${tab}-${id}`)
          expected.set(tab, own)
          const saved = tabs[tab]?.save(own.map((id) => mutation(id)))
          if (saved !== undefined) saves.push(saved)
          if (waits) await saved
        }
        await Promise.all(saves)
        expect(idsIn(items)).toEqual([...expected.values()].flat().toSorted())
        await settle(tabs)
      }),
      { numRuns: 50 },
    )
  })

  test('a new client takes over the mutations of a closed client, in the order in which they were made', async () => {
    prepare()
    const { items, storage } = createSlowStorage()
    const gone = createOutboxStorage(storage, url)
    await gone.save([
      mutation('c', { createdAt: 2, order: 1, line: 'lane' }),
      mutation('b', { createdAt: 1, order: 10 }),
      mutation('a', { createdAt: 1, order: 9 }),
      mutation('other', { user: 'ada' }),
    ])
    await gone.release()
    const client = createOutboxStorage(storage, url)
    const claimed = await client.claim(askNobody)
    expect(claimed.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(claimed[2]).toMatchObject({ line: 'lane' })
    // A save that does not know of them yet does not remove them.
    await client.save([])
    expect(idsIn(items)).toEqual(['a', 'b', 'c', 'other'])
    await client.save(claimed)
    await client.save([])
    expect(idsIn(items)).toEqual(['other'])
    await client.release()
  })
})

test('of clients that start at once only one takes over a mutation', async () => {
  const { storage } = createSlowStorage()
  const gone = createOutboxStorage(storage, url)
  await gone.save([mutation('a'), mutation('b')])
  await gone.release()
  const clients = [1, 2, 3].map(() => createOutboxStorage(storage, url))
  const claims = await Promise.all(clients.map((client) => client.claim(askNobody)))
  expect(claims.map(({ length }) => length).toSorted()).toEqual([0, 0, 2])
  await settle(clients)
})

test('a mutation that must not be sent twice is stored only where a single tab can take it over', async () => {
  const once = mutation('once', { isRepeatable: false })
  const { items, storage } = createSlowStorage()
  const locking = createOutboxStorage(storage, url)
  await locking.save([once])
  expect(idsIn(items)).toEqual(['once'])
  await locking.save([])
  await locking.release()
  vi.stubGlobal('navigator', {})
  const open = createOutboxStorage(storage, url)
  await open.save([once, mutation('often')])
  expect(idsIn(items)).toEqual(['often'])
})

test('a mutation that is too large for the storage is reported, and the others are stored', async () => {
  const { items, storage } = createSlowStorage()
  const full: OfflineStorage = {
    ...storage,
    setItem: (key, value) => {
      if (value.length > 1_000) throw new Error('The quota has been exceeded')
      return storage.setItem(key, value)
    },
  }
  const client = createOutboxStorage(full, url)
  const large = mutation('large', { variables: { text: 'x'.repeat(2_000) } })
  await expect(client.save([large, mutation('small')])).rejects.toThrow('quota')
  expect(idsIn(items)).toEqual(['small'])
  await client.release()
})

test('entries of other programs and versions are ignored', async () => {
  const { storage } = createSlowStorage(
    new Map([
      [`tidings:outbox:${url}:1`, 'no JSON'],
      [`tidings:outbox:${url}:2`, '{"id":"2"}'],
      ['theme', 'dark'],
    ]),
  )
  expect(await createOutboxStorage(storage, url).claim(askNobody)).toEqual([])
})

test('a Web Storage can be used directly', () => {
  const items = new Map([['a', '1']])
  const web = {
    get length() {
      return items.size
    },
    key: (index: number) => [...items.keys()][index] ?? null,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
    clear: () => items.clear(),
  }
  const storage = toOfflineStorage(web)
  void storage.setItem('b', '2')
  expect(storage.keys()).toEqual(['a', 'b'])
  void storage.removeItem('a')
  expect([storage.getItem('a'), storage.getItem('b')]).toEqual([null, '2'])
})
