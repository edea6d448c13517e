import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bringUpToDate,
  type InboxEvent,
  type InboxState,
  reduceInbox,
} from '../../../client/apps/notifications/reduce-inbox.ts'
import type { NotificationFieldsFragment } from '../../../client/gql/graphql.ts'

const at = '2026-01-01T00:00:00.000Z'
const cursorOf = (seq: number, epoch = 'e'): string => `${epoch}-${seq}`
const note = (id: string, readAt: string | null = null): NotificationFieldsFragment => ({
  id,
  level: 'INFORMATION',
  title: `about ${id}`,
  message: null,
  isForEveryone: false,
  createdAt: at,
  readAt,
  about: null,
})

type Step = { do: 'tell' } | { do: 'read'; which: number } | { do: 'readAll' } | { do: 'remove'; which: number }
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('tell' as const) }),
  fc.record({ do: fc.constant('read' as const), which: fc.nat(30) }),
  fc.record({ do: fc.constant('readAll' as const) }),
  fc.record({ do: fc.constant('remove' as const), which: fc.nat(30) }),
)

/** Simulates a server: returns its events, and its inbox after each. */
function play(steps: readonly Step[]): {
  readonly events: readonly InboxEvent[]
  readonly snapshotAt: (seq: number, reason?: 'SUBSCRIBED' | 'PRUNED' | 'RESET') => InboxEvent
} {
  let inbox: readonly NotificationFieldsFragment[] = []
  let made = 0
  const events: InboxEvent[] = []
  const states = [inbox]
  const unread = (): number => inbox.filter(({ readAt }) => readAt === null).length
  const tell = (rest: (told: { seq: number; cursor: string; unreadCount: number }) => InboxEvent): void => {
    const seq = events.length + 1
    events.push(rest({ seq, cursor: cursorOf(seq), unreadCount: unread() }))
    states[seq] = inbox
  }
  const read = (ids: readonly string[]): void => {
    if (ids.length === 0) return
    inbox = inbox.map((one) => (ids.includes(one.id) ? { ...one, readAt: at } : one))
    tell((told) => ({ __typename: 'NotificationsRead', ...told, at, ids }))
  }
  const unreadIds = (): string[] => inbox.flatMap(({ id, readAt }) => (readAt === null ? [id] : []))
  for (const step of steps)
    switch (step.do) {
      case 'tell': {
        const notification = note(`n${++made}`)
        inbox = [notification, ...inbox]
        tell((told) => ({ __typename: 'NotificationArrived', ...told, notification }))
        break
      }
      case 'read':
        read(unreadIds().slice(step.which, step.which + 1))
        break
      case 'readAll':
        read(unreadIds())
        break
      case 'remove': {
        const gone = inbox[step.which]
        if (gone === undefined) break
        inbox = inbox.filter((one) => one !== gone)
        tell((told) => ({ __typename: 'NotificationsRemoved', ...told, ids: [gone.id] }))
        break
      }
    }
  return {
    events,
    snapshotAt(seq, reason = 'SUBSCRIBED') {
      const newest = states[seq] ?? []
      return {
        __typename: 'InboxSnapshot',
        seq,
        cursor: cursorOf(seq),
        unreadCount: newest.filter(({ readAt }) => readAt === null).length,
        reason,
        hasMore: false,
        newest,
      }
    },
  }
}
const fold = (events: readonly InboxEvent[], state?: InboxState): InboxState | undefined =>
  events.reduce<InboxState | undefined>(reduceInbox, state)
/** Returns what a page shows, independent of how the state was reached. */
const shown = (state: InboxState | undefined): unknown => ({
  entries: state?.entries.map(({ id, readAt }) => [id, readAt]),
  unreadCount: state?.unreadCount,
  seq: state?.seq,
  cursor: state?.cursor,
})

describe('reduceInbox', () => {
  test('reaches the same state for any join time, duplicates and cuts of the stream', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 40 }), fc.nat(), fc.infiniteStream(fc.nat(5)), (steps, n, repeats) => {
        const { events, snapshotAt } = play(steps)
        const joined = n % (events.length + 1)
        const whole = fold([snapshotAt(0), ...events])
        const late = fold([snapshotAt(joined), ...events.slice(joined)])
        expect(shown(late)).toEqual(shown(whole))
        // A client that resumes from an older cursor receives known events again.
        const cut = events.flatMap((_, index) =>
          events.slice(Math.max(0, index - (repeats.next().value ?? 0)), index + 1),
        )
        expect(fold([snapshotAt(0), ...cut])).toEqual(whole)
        expect(shown(fold([snapshotAt(events.length, 'PRUNED')], whole))).toEqual(shown(whole))
      }),
    )
  })

  test('changes nothing, including the identity of the state, for known events', () => {
    const { events, snapshotAt } = play([{ do: 'tell' }, { do: 'tell' }, { do: 'readAll' }])
    const state = fold([snapshotAt(0), ...events])
    for (const event of [...events, snapshotAt(2)]) expect(reduceInbox(state, event)).toBe(state)
  })

  test('distinguishes entries that arrived while the page was open from those in a snapshot', () => {
    const { events, snapshotAt } = play([{ do: 'tell' }, { do: 'tell' }, { do: 'tell' }])
    const state = fold([snapshotAt(1), ...events.slice(1)])
    expect(state?.entries.map(({ id, arrivedSeq }) => [id, arrivedSeq])).toEqual([
      ['n3', 3],
      ['n2', 2],
      ['n1', null],
    ])
    const lagged = fold([snapshotAt(3, 'PRUNED')], state)
    expect(lagged?.entries.map(({ arrivedSeq }) => arrivedSeq)).toEqual([3, 2, null])
  })

  test('starts over after a reset, although the numbers are smaller', () => {
    const { events, snapshotAt } = play([{ do: 'tell' }, { do: 'tell' }])
    const state = fold([snapshotAt(0), ...events])
    const reset: InboxEvent = { ...play([{ do: 'tell' }]).snapshotAt(1, 'RESET'), cursor: cursorOf(1, 'new') }
    const after = reduceInbox(state, reset)
    expect(shown(after)).toMatchObject({ entries: [['n1', null]], seq: 1, cursor: 'new-1' })
    expect(reduceInbox(after, reset)).toMatchObject({ seq: 1 })
  })

  test('takes the count from unknown events', () => {
    const { snapshotAt } = play([])
    const unknown = { __typename: 'SomethingNew', seq: 1, cursor: cursorOf(1), unreadCount: 7 } as unknown as InboxEvent
    expect(fold([snapshotAt(0), unknown])).toMatchObject({ seq: 1, unreadCount: 7, entries: [] })
  })
})

test('bringUpToDate returns for an entry fetched before whether it was read or removed since', () => {
  const { snapshotAt } = play([])
  const state = fold([
    snapshotAt(0),
    { __typename: 'NotificationsRead', seq: 1, cursor: cursorOf(1), unreadCount: 0, at, ids: ['old'] },
    { __typename: 'NotificationsRemoved', seq: 2, cursor: cursorOf(2), unreadCount: 0, ids: ['older'] },
    { __typename: 'NotificationArrived', seq: 3, cursor: cursorOf(3), unreadCount: 1, notification: note('new') },
  ])
  if (state === undefined) throw new Error('There is no state')
  expect(bringUpToDate(state, note('old'))?.readAt).toBe(at)
  expect(bringUpToDate(state, note('older'))).toBeNull()
  expect(bringUpToDate(state, note('new', 'stale'))?.readAt).toBeNull()
  expect(bringUpToDate(state, note('other'))).toEqual(note('other'))
})
