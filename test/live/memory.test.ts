import { parse } from 'graphql'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createContext, schema } from '../../schema/studio/index.ts'
import { viewerOf } from '../support/api.ts'
import { collectGarbage } from '../support/heap.ts'
import { type LiveFixture, startLive, watchQuery } from './support.ts'

let fixture: LiveFixture
/** The states that were read for snapshots. */
const states: WeakRef<object>[] = []
beforeAll(async () => {
  fixture = await startLive()
  const { store } = fixture.engine
  const read = store.snapshot
  Object.assign(store, {
    async snapshot(...args: Parameters<typeof read>) {
      const snapshot = await read(...args)
      if (snapshot !== null) states.push(new WeakRef(snapshot.state))
      return snapshot
    },
  })
})
afterAll(() => fixture[Symbol.asyncDispose]())

async function subscribeOverSocket(id: string): Promise<() => void> {
  const { seen, leave } = await fixture.subscribe({ id })
  await vi.waitFor(() => expect(seen).toHaveLength(1))
  return leave
}

async function subscribeOverStream(id: string): Promise<() => void> {
  const stream = await fixture.live.subscribe({
    schema,
    document: parse(watchQuery),
    contextValue: createContext(fixture.services, viewerOf('u_1'), { catchUp: false }),
    variableValues: { id },
  })
  if (!(Symbol.asyncIterator in stream)) throw new Error('It did not subscribe')
  const results = stream[Symbol.asyncIterator]()
  expect(await results.next()).toMatchObject({ done: false })
  const next = results.next()
  return () => {
    void results.return?.()
    void next
  }
}

test.each([
  ['a socket', subscribeOverSocket],
  ['an event stream', subscribeOverStream],
] as const)('a subscriber over %s does not retain the snapshot that it was sent', async (_what, subscribe) => {
  states.length = 0
  const task = await fixture.createTask()
  const leave = await subscribe(task.id)
  expect(states).not.toEqual([])
  await vi.waitFor(() => {
    collectGarbage()
    expect(states.filter((state) => state.deref() !== undefined)).toEqual([])
  })
  expect(fixture.live.size).toBe(1)
  leave()
})
