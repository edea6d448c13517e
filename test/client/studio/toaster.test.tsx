// @vitest-environment happy-dom
import { act, cleanup, configure, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { type ReactElement, type ReactNode, StrictMode } from 'react'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { InboxEvent } from '../../../client/apps/notifications/reduce-inbox.ts'
import { useInbox } from '../../../client/apps/notifications/use-inbox.ts'
import type { NotificationFieldsFragment } from '../../../client/gql/graphql.ts'
import { TidingsProvider } from '../../../client/react/provider.ts'
import { Toaster } from '../../../client/studio/notifications/toaster.tsx'
import { hangMs } from '../../support/patience.ts'
import { createDrivenClient, type DrivenClient } from '../react/driven-client.ts'

configure({ asyncUtilTimeout: hangMs })

const settled = (): Promise<void> => act(async () => undefined)
const at = '2026-01-01T00:00:00.000Z'
const note = (id: string, rest: Partial<NotificationFieldsFragment> = {}): NotificationFieldsFragment => ({
  id,
  level: 'SUCCESS',
  title: `Title ${id}`,
  message: null,
  isForEveryone: false,
  createdAt: at,
  readAt: null,
  about: null,
  ...rest,
})
const snapshot = (newest: readonly NotificationFieldsFragment[] = []): InboxEvent => ({
  __typename: 'InboxSnapshot',
  seq: 0,
  cursor: 'c0',
  unreadCount: newest.length,
  reason: 'SUBSCRIBED',
  hasMore: false,
  newest,
})
const arrived = (seq: number, notification: NotificationFieldsFragment): InboxEvent => ({
  __typename: 'NotificationArrived',
  seq,
  cursor: `c${seq}`,
  unreadCount: seq,
  notification,
})
const read = (seq: number, ids: readonly string[]): InboxEvent => ({
  __typename: 'NotificationsRead',
  seq,
  cursor: `c${seq}`,
  unreadCount: 0,
  at,
  ids,
})

function wrapper(client: DrivenClient) {
  return ({ children }: { children: ReactNode }): ReactElement => (
    <StrictMode>
      <TidingsProvider client={client}>{children}</TidingsProvider>
    </StrictMode>
  )
}
const client = (): DrivenClient =>
  createDrivenClient((_, { id }) => ({
    data: {
      markNotificationRead: {
        __typename: 'MarkNotificationReadSuccess',
        unreadCount: 0,
        notification: { __typename: 'Notification', id, readAt: at },
      },
    },
  }))
async function open(driven: DrivenClient, newest: readonly NotificationFieldsFragment[] = []) {
  render(<Toaster />, { wrapper: wrapper(driven) })
  await settled()
  act(() => driven.wire().sendData({ notifications: snapshot(newest) }))
  return async (...events: readonly InboxEvent[]): Promise<void> => {
    for (const event of events) act(() => driven.wire().sendData({ notifications: event }))
    // At most one render per window.
    await act(() => vi.advanceTimersByTimeAsync(60))
  }
}
const pass = (ms: number): Promise<void> => act(async () => void (await vi.advanceTimersByTimeAsync(ms)))
const titles = (): (string | null)[] => screen.queryAllByText(/^Title/).map(({ textContent }) => textContent)

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  cleanup()
  vi.useRealTimers()
  window.history.replaceState(null, '', '/')
})

function Count({ name }: { readonly name: string }): ReactElement {
  const { inbox } = useInbox()
  return <p>{`${name}: ${inbox?.unreadCount ?? 'unknown'}`}</p>
}

test('useInbox has one subscription for all callers, and shows entries read elsewhere', async () => {
  vi.useRealTimers()
  const driven = client()
  const both = (
    <>
      <Count name="one" />
      <Count name="two" />
    </>
  )
  render(both, { wrapper: wrapper(driven) })
  await settled()
  act(() => driven.wire().sendData({ notifications: snapshot([note('a')]) }))
  await screen.findByText('one: 1')
  act(() => driven.wire().sendData({ notifications: read(1, ['a']) }))
  await screen.findByText('two: 0')
  expect(driven.wires).toHaveLength(1)
})

describe('a notification toast', () => {
  test('appears for a new notification, not for an existing one, and closes itself unless it is an error', async () => {
    const tell = await open(client(), [note('old')])
    await tell(arrived(1, note('new')), arrived(2, note('bad', { level: 'ERROR' })))
    expect(titles().sort()).toEqual(['Title bad', 'Title new'])
    expect(screen.getByRole('status').textContent).toContain('Title new')
    expect(screen.getByRole('alert').textContent).toContain('Error: Title bad')
    await pass(8_100)
    expect(titles()).toEqual(['Title bad'])
    await pass(3_600_000)
    expect(titles()).toEqual(['Title bad'])
  })

  test('stays while it is hovered or focused', async () => {
    const tell = await open(client())
    await tell(arrived(1, note('new')))
    const region = screen.getByRole('region', { name: 'New notifications' })
    await pass(5_000)
    fireEvent.pointerEnter(region)
    await pass(60_000)
    expect(titles()).toEqual(['Title new'])
    fireEvent.pointerLeave(region)
    // The rest of its time.
    await pass(2_000)
    expect(titles()).toEqual(['Title new'])
    const button = screen.getByRole('button', { name: 'Dismiss: Title new' })
    act(() => button.focus())
    await pass(60_000)
    expect(titles()).toEqual(['Title new'])
    act(() => button.blur())
    await pass(3_000)
    expect(titles()).toEqual([])
  })

  test('is marked as read when it is dismissed, with the pointer or with Escape', async () => {
    const driven = client()
    const tell = await open(driven)
    await tell(arrived(1, note('a', { level: 'ERROR' })), arrived(2, note('b', { level: 'ERROR' })))
    fireEvent.click(screen.getByRole('button', { name: 'Dismiss: Title a' }))
    fireEvent.keyDown(screen.getByRole('button', { name: 'Dismiss: Title b' }), { key: 'Escape' })
    expect(titles()).toEqual([])
    vi.useRealTimers()
    await waitFor(() =>
      expect(driven.requests.map(({ operationName, variables }) => [operationName, variables['id']])).toEqual([
        ['MarkNotificationRead', 'a'],
        ['MarkNotificationRead', 'b'],
      ]),
    )
  })

  test('closes when it is read in another tab', async () => {
    const tell = await open(client())
    await tell(arrived(1, note('a', { level: 'ERROR' })))
    expect(titles()).toEqual(['Title a'])
    await tell(read(2, ['a']))
    expect(titles()).toEqual([])
  })

  test('is one of at most three, errors first; the others are counted', async () => {
    const tell = await open(client())
    await tell(...['a', 'b', 'c', 'd', 'e'].map((id, index) => arrived(index + 1, note(id))))
    await tell(arrived(6, note('bad', { level: 'ERROR' })))
    expect(titles().sort()).toEqual(['Title a', 'Title b', 'Title bad'])
    expect(screen.getByText('3 more in your inbox')).toBeDefined()
  })
})

test('a notification about the shown page does not appear, and counts as read', async () => {
  window.history.replaceState(null, '', '/?quiz=quiz_1')
  const driven = client()
  const tell = await open(driven)
  await tell(
    arrived(1, note('here', { about: { __typename: 'Quiz', id: 'quiz_1' } })),
    arrived(2, note('there', { about: { __typename: 'Quiz', id: 'quiz_2' } })),
  )
  expect(titles()).toEqual(['Title there'])
  expect(screen.getByRole('link', { name: 'Title there' }).getAttribute('href')).toBe('/?quiz=quiz_2')
  vi.useRealTimers()
  await waitFor(() => expect(driven.requests.map(({ variables }) => variables['id'])).toEqual(['here']))
})
