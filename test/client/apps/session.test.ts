import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { reduceSession } from '../../../client/apps/sessions/reduce-session.ts'
import type { SessionEvent, SessionMessage, SessionState } from '../../../client/apps/sessions/session-state.ts'
import { makeMessage } from '../support/message.ts'

/** One thing that may happen in a session. */
type Step =
  | { readonly do: 'say'; readonly author: number; readonly text: string }
  | { readonly do: 'ask' | 'restart' | 'finish' | 'card' | 'uncard' | 'join' | 'leave' }
  | { readonly do: 'piece'; readonly text: string }
  | { readonly do: 'present'; readonly users: readonly number[] }

interface History {
  /** Index 0 has seq 1. */
  readonly events: readonly SessionEvent[]
  /** Presence events, each with the seq that it repeats. */
  readonly passing: readonly SessionEvent[]
  snapshotAt(seq: number, reason?: 'SUBSCRIBED' | 'LAGGED' | 'RESET'): SessionEvent
}

const sessionId = 'session_1'
const cursorOf = (seq: number): string => `c${seq}`
const snapshotSize = 3

/**
 * Plays steps as the server would, written independently of the reducer: tables that change, and a
 * log.
 */
function play(steps: readonly Step[]): History {
  const messages: SessionMessage[] = []
  let cards: { id: string; title: string }[] = []
  let users: string[] = ['u0']
  let present: string[] = []
  const events: SessionEvent[] = []
  const passing: SessionEvent[] = []
  const snapshots: ((reason: 'SUBSCRIBED' | 'LAGGED' | 'RESET') => SessionEvent)[] = []

  const statistics = () => ({
    messageCount: messages.length,
    tokenCount: messages.length,
    lastActivityAt: `at ${messages.length}`,
  })
  const participant = (userId: string) => ({ userId, isOwner: userId === 'u0', joinedAt: 'then' })
  const card = ({ id, title }: { id: string; title: string }) => ({
    id,
    title,
    kind: 'NOTE' as const,
    text: title,
    documentId: null,
    sectionKey: null,
    quizId: null,
    addedBy: 'u0',
    createdAt: 'then',
  })
  const remember = (): void => {
    const seq = events.length
    const nodes = messages.slice(-snapshotSize)
    const hasPreviousPage = messages.length > snapshotSize
    const session = {
      id: sessionId,
      title: 'T',
      owner: 'u0',
      closedAt: null,
      present: [...present],
      typing: [],
      statistics: statistics(),
      participants: users.map(participant),
      cards: cards.map(card),
      messages: { nodes, pageInfo: { hasPreviousPage, startCursor: nodes[0] ? `p${nodes[0].position}` : null } },
    }
    snapshots[seq] = (reason) => ({
      __typename: 'SessionSnapshot',
      sessionId,
      seq,
      cursor: cursorOf(seq),
      reason,
      session,
    })
  }
  const common = () => ({ sessionId, seq: events.length + 1, cursor: cursorOf(events.length + 1) })
  const tell = (event: SessionEvent): void => {
    events.push(event)
    remember()
  }
  const add = (change: Partial<SessionMessage>): void => {
    const message = makeMessage(messages.length + 1, change)
    messages.push(message)
    tell({ __typename: 'SessionMessageAdded', ...common(), message })
    tell({ __typename: 'SessionStatisticsChanged', ...common(), statistics: statistics() })
  }
  const change = (make: (reply: SessionMessage) => SessionMessage): SessionMessage | undefined => {
    const at = messages.findLastIndex(({ status }) => status === 'WRITING')
    const reply = messages[at]
    if (reply === undefined) return undefined
    messages[at] = make(reply)
    return messages[at]
  }

  tell({ __typename: 'SessionParticipantJoined', ...common(), participant: participant('u0') })
  for (const step of steps)
    switch (step.do) {
      case 'say':
        add({ author: `u${step.author}`, clientId: `c${messages.length}`, body: step.text })
        break
      case 'ask':
        add({ status: 'WRITING', taskId: 't' })
        break
      case 'piece': {
        let offset = 0
        const reply = change((one) => {
          offset = one.body.length
          return { ...one, body: one.body + step.text }
        })
        if (reply === undefined) break
        const { id: messageId, attempt } = reply
        tell({ __typename: 'SessionReplyAdvanced', ...common(), messageId, attempt, offset, text: step.text })
        break
      }
      case 'restart':
      case 'finish': {
        const message = change((one) =>
          step.do === 'finish' ? { ...one, status: 'COMPLETED' } : { ...one, body: '', attempt: one.attempt + 1 },
        )
        if (message !== undefined) tell({ __typename: 'SessionMessageChanged', ...common(), message })
        break
      }
      case 'card':
        cards = [...cards, { id: `k${events.length}`, title: 'K' }]
        tell({ __typename: 'SessionCardAdded', ...common(), card: card(cards.at(-1) ?? { id: '', title: '' }) })
        break
      case 'uncard': {
        const [first] = cards
        if (first === undefined) break
        cards = cards.slice(1)
        tell({ __typename: 'SessionCardRemoved', ...common(), cardId: first.id })
        break
      }
      case 'join':
        users = [...users, `u${events.length}`]
        tell({ __typename: 'SessionParticipantJoined', ...common(), participant: participant(users.at(-1) ?? '') })
        break
      case 'leave': {
        const last = users.at(-1)
        if (last === undefined || users.length === 1) break
        users = users.slice(0, -1)
        tell({ __typename: 'SessionParticipantLeft', ...common(), userId: last, isRemoved: false })
        break
      }
      case 'present':
        present = step.users.map((n) => `u${n}`)
        passing.push({
          __typename: 'SessionPresenceChanged',
          sessionId,
          seq: events.length,
          cursor: cursorOf(events.length),
          present,
          typing: [],
        })
        remember()
    }
  return {
    events,
    passing,
    snapshotAt(seq, reason = 'SUBSCRIBED') {
      const snapshot = snapshots[seq]
      if (snapshot === undefined) throw new RangeError(`There is no event ${seq}`)
      return snapshot(reason)
    },
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('say' as const), author: fc.nat(2), text: fc.string() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('piece' as const), text: fc.string({ minLength: 1 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('ask' as const, 'restart' as const, 'finish' as const, 'card' as const, 'uncard' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('join' as const, 'leave' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('present' as const), users: fc.array(fc.nat(3)) }) },
)
const history = fc.array(step, { maxLength: 50 }).map(play)
/**
 * How a network delivers a history: each leg begins at a position that was reached before, or with
 * a later snapshot.
 */
const legs = fc.array(fc.record({ back: fc.nat(8), length: fc.nat(12), jump: fc.option(fc.nat(6), { freq: 3 }) }), {
  maxLength: 12,
})

function deliver(
  { events, passing, snapshotAt }: History,
  plan: readonly { readonly back: number; readonly length: number; readonly jump: number | null }[],
): SessionEvent[] {
  // A new subscriber receives a snapshot first.
  const delivered: SessionEvent[] = [snapshotAt(1)]
  let reached = 1
  const send = (from: number, to: number): void => {
    for (const event of events.slice(from, to))
      delivered.push(event, ...passing.filter(({ seq }) => seq === event.seq && seq > reached))
    reached = Math.max(reached, Math.min(events.length, to))
  }
  for (const { back, length, jump } of plan)
    if (jump === null) {
      const from = Math.max(0, reached - back)
      send(from, from + length)
    } else {
      reached = Math.min(events.length, reached + Math.max(1, jump))
      delivered.push(snapshotAt(reached, 'LAGGED'))
    }
  send(reached, events.length)
  // A late subscriber receives the current presence.
  delivered.push(...passing.slice(-1).filter(({ seq }) => seq === events.length))
  return delivered
}
const fold = (events: readonly SessionEvent[]): SessionState => {
  let state: SessionState | undefined
  for (const event of events) state = reduceSession(state, event)
  if (state === undefined) throw new Error('Nothing was delivered')
  return state
}
/**
 * Returns what every way of following must agree on: the newest messages, and everything else
 * except the last presence.
 */
const comparable = (state: SessionState) => {
  const { messages, earlierCursor: _, present: _present, ...rest } = state
  return { ...rest, messages: messages.slice(-snapshotSize) }
}

describe('reduceSession', () => {
  test('folds any cuts, repetitions, resumptions and summaries of a history to the state of a snapshot after it', () => {
    fc.assert(
      fc.property(history, legs, (played, plan) => {
        const snapshot = reduceSession(undefined, played.snapshotAt(played.events.length))
        const folded = fold(deliver(played, plan))
        expect(comparable(folded)).toEqual(comparable(snapshot))
        // The retained messages have no gaps: consecutive positions, up to the newest.
        const positions = folded.messages.map(({ position }) => position)
        expect(positions).toEqual(positions.map((_, index) => (positions[0] ?? 1) + index))
      }),
      { numRuns: 400 },
    )
  })

  test('changes nothing, including the identity of the state, for a known event', () => {
    fc.assert(
      fc.property(history, (played) => {
        const state = fold(played.events)
        for (const event of played.events) expect(reduceSession(state, event)).toBe(state)
      }),
    )
  })

  test('folds chunks of a reply that the server has joined for a slow reader to the same text', () => {
    const played = play([{ do: 'ask' }, { do: 'piece', text: 'One ' }, { do: 'piece', text: 'two 🐦' }])
    const pieces = played.events.filter((event) => event.__typename === 'SessionReplyAdvanced')
    const [first, second] = pieces
    if (first === undefined || second === undefined) throw new Error('The history is another')
    const others = played.events.filter((event) => event.__typename !== 'SessionReplyAdvanced')
    const joined = fold([...others, { ...second, offset: first.offset, text: first.text + second.text }])
    expect(joined.messages.at(-1)?.body).toBe('One two 🐦')
  })

  test('keeps the messages before a contiguous snapshot, and drops them where there is a gap', () => {
    const says = (count: number): Step[] => Array.from({ length: count }, () => ({ do: 'say', author: 0, text: 'x' }))
    const played = play(says(12))
    const upTo = (count: number) => fold(played.events.slice(0, 1 + 2 * count))
    const whole = reduceSession(upTo(10), played.snapshotAt(25, 'LAGGED'))
    expect(whole.messages).toHaveLength(12)
    expect(whole.earlierCursor).toBeNull()
    const holed = reduceSession(upTo(4), played.snapshotAt(25, 'LAGGED'))
    expect(holed.messages.map(({ position }) => position)).toEqual([10, 11, 12])
    expect(holed.earlierCursor).toBe('p10')
  })
})
