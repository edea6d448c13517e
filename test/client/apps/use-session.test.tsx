// @vitest-environment happy-dom
import { act, cleanup, renderHook } from '@testing-library/react'
import type { ReactElement, ReactNode } from 'react'
import { afterEach, expect, test, vi } from 'vitest'
import type { SessionEvent } from '../../../client/apps/sessions/session-state.ts'
import { type LiveSession, useSession } from '../../../client/apps/sessions/use-session.ts'
import { TidingsProvider } from '../../../client/react/provider.ts'
import { createDrivenClient, type DrivenClient } from '../react/driven-client.ts'
import { makeMessage } from '../support/message.ts'

afterEach(() => {
  cleanup()
  vi.useRealTimers()
})

const sessionId = 'session_1'
const common = (seq: number) => ({ sessionId, seq, cursor: `c${seq}` })
const snapshot: SessionEvent = {
  __typename: 'SessionSnapshot',
  ...common(1),
  reason: 'SUBSCRIBED',
  session: {
    id: sessionId,
    title: 'T',
    owner: 'ada',
    closedAt: null,
    present: [],
    typing: [],
    statistics: { messageCount: 0, tokenCount: 0, lastActivityAt: 'then' },
    participants: [],
    cards: [],
    messages: { nodes: [], pageInfo: { hasPreviousPage: false, startCursor: null } },
  },
}
const added = (seq: number, clientId: string): SessionEvent => ({
  __typename: 'SessionMessageAdded',
  ...common(seq),
  message: makeMessage(seq - 1, { author: 'ada', clientId, body: `Number ${seq}` }),
})

/** Follows a session; `states` has the state of each render. */
async function watch(client: DrivenClient) {
  const states: LiveSession[] = []
  const wrapper = ({ children }: { children: ReactNode }): ReactElement => (
    <TidingsProvider client={client}>{children}</TidingsProvider>
  )
  const { result } = renderHook(
    () => {
      const live = useSession(sessionId)
      states.push(live)
      return live
    },
    { wrapper },
  )
  await act(async () => undefined)
  const send = (...events: readonly SessionEvent[]): void =>
    act(() => {
      for (const event of events) client.wire().sendData({ sessionEvents: event })
    })
  return { states, result, send }
}

test('a burst of events causes one render, with all of it', async () => {
  vi.useFakeTimers()
  const { states, send } = await watch(createDrivenClient())
  send(snapshot)
  const before = states.length
  // Each in a separate turn, all within the window.
  for (let seq = 2; seq <= 21; seq++) {
    send(added(seq, `other ${seq}`))
    await act(() => vi.advanceTimersByTimeAsync(1))
  }
  expect(states.length).toBe(before)
  await act(() => vi.advanceTimersByTimeAsync(50))
  expect(states.length).toBe(before + 1)
  expect(states.at(-1)?.session?.messages).toHaveLength(20)
})

test('a message is shown at once, and in its position when it comes back, whether the event or the result arrives first', async () => {
  const answer = Promise.withResolvers<unknown>()
  const client = createDrivenClient(() => answer.promise)
  const { result, send } = await watch(client)
  send(snapshot)
  act(() => result.current.send('Hello', { wantsReply: false }))
  expect(result.current.unsent).toMatchObject([{ text: 'Hello', status: 'sending' }])
  await vi.waitFor(() => expect(client.requests).toHaveLength(1))
  const { clientId } = (client.requests[0]?.variables['input'] ?? {}) as { clientId: string }
  expect(clientId).toBe(result.current.unsent[0]?.clientId)
  send(added(2, clientId))
  await vi.waitFor(() => expect(result.current.session?.messages).toHaveLength(1))
  expect(result.current.unsent).toEqual([])
  answer.resolve({
    data: { sendMessage: { __typename: 'SendMessageSuccess', sessionMessage: { id: 'm2', clientId, position: 1 } } },
  })
  await act(() => answer.promise.then(() => undefined))
  expect(result.current.unsent).toEqual([])
})

test('a refused message is rolled back, with the reason', async () => {
  const client = createDrivenClient(() => ({
    data: { sendMessage: { __typename: 'ConflictError', message: 'The session "T" is closed' } },
  }))
  const { result, send } = await watch(client)
  send(snapshot)
  act(() => result.current.send('Hello', { wantsReply: false }))
  await vi.waitFor(() =>
    expect(result.current.unsent).toMatchObject([{ status: 'refused', reason: 'The session "T" is closed' }]),
  )
  expect(result.current.session?.messages).toEqual([])
  act(() => result.current.discard(result.current.unsent[0]?.clientId ?? ''))
  expect(result.current.unsent).toEqual([])
})
