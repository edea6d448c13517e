// @vitest-environment happy-dom
import { act, cleanup, renderHook } from '@testing-library/react'
import type { ReactElement, ReactNode } from 'react'
import { afterEach, expect, test, vi } from 'vitest'
import type { ConnectionStatus } from '../../../client/connection/connection-state.ts'
import type { OutboxEntry } from '../../../client/outbox/outbox.ts'
import { TidingsProvider } from '../../../client/react/provider.ts'
import { useWhenBack } from '../../../client/studio/use-when-back.ts'
import { createDrivenClient } from '../react/driven-client.ts'

afterEach(cleanup)

const entry: OutboxEntry = {
  id: '1',
  field: 'acceptQuestion',
  variables: {},
  createdAt: 0,
  status: 'waiting',
  attempts: 0,
  reason: 'There is no connection to the server',
}

/** Renders a page that refetches; `asked` counts the refetches. */
function open() {
  const client = createDrivenClient()
  const asked = vi.fn()
  const wrapper = ({ children }: { children: ReactNode }): ReactElement => (
    <TidingsProvider client={client}>{children}</TidingsProvider>
  )
  renderHook(() => useWhenBack(asked), { wrapper })
  const is = (status: ConnectionStatus): void =>
    act(() => client.connection.set({ ...client.connection.getSnapshot(), status }))
  const wait = (...pending: readonly OutboxEntry[]): void => act(() => client.outbox.set({ pending, refused: [] }))
  return { asked, is, wait }
}

test('refetches once when the connection is back, and not when it was not lost', () => {
  const { asked, is } = open()
  is('degraded')
  is('live')
  expect(asked).not.toHaveBeenCalled()
  is('reconnecting')
  is('offline')
  expect(asked).not.toHaveBeenCalled()
  is('live')
  is('degraded')
  expect(asked).toHaveBeenCalledTimes(1)
})

test('refetches only after pending mutations have been sent: a concurrent result might be older, and arrive last', () => {
  const { asked, is, wait } = open()
  is('reconnecting')
  wait(entry)
  is('live')
  wait({ ...entry, status: 'sending' })
  expect(asked).not.toHaveBeenCalled()
  wait()
  expect(asked).toHaveBeenCalledTimes(1)
})
