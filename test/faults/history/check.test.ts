import { describe, expect, test } from 'vitest'
import { checkHistory } from './check.ts'
import { type Delivered, type Entry, type Rule, rules } from './history.ts'
import { mutants } from './mutants.ts'
import { createSampleHistory } from './sample.ts'

const sample = createSampleHistory()
const rulesOf = (entries: readonly Entry[]) => checkHistory({ ...sample, entries }).violations.map(({ rule }) => rule)

test('accepts a correct history, and counts what it compared', () => {
  const { violations, deliveries, subscriptions, tasks } = checkHistory(sample)
  expect(violations).toEqual([])
  expect({ subscriptions, tasks }).toEqual({ subscriptions: 21, tasks: 4 })
  const delivered = sample.entries.filter((entry) => entry.is === 'delivered' && entry.snapshot === undefined)
  expect(deliveries).toBe(delivered.length)
})

test('has a mutant for every rule but that on processes, which the rig itself reports', () => {
  const covered = new Set(mutants.map(({ rule }) => rule))
  expect(Object.keys(rules).filter((rule) => !covered.has(rule as keyof typeof rules))).toEqual(['crashed'])
})

describe('detects the mutant', () => {
  test.for(mutants.map(({ name, rule, mutate }) => [name, rule, mutate] as const))('%s', ([, rule, mutate]) => {
    const { violations } = checkHistory(mutate(sample))
    expect(violations.map((violation) => violation.rule)).toContain(rule)
  })
})

test('accepts events that are merged for a slow subscriber as the contract says', () => {
  const entries = sample.entries.flatMap((entry): readonly Entry[] => {
    if (entry.is !== 'delivered' || entry.sub !== 'websocket task:a') return [entry]
    // An advance is contained in a later event, and two pieces of text are joined.
    if (entry.seq === 5 || entry.seq === 6) return []
    return entry.seq === 7 ? [{ ...entry, follows: 4, piece: { offset: 0, text: '1...' } }] : [entry]
  })
  expect(rulesOf(entries)).toEqual([])
  const withoutReason = entries.map((entry): Entry => {
    if (entry.is !== 'delivered' || entry.follows === undefined) return entry
    const { follows: _, ...rest } = entry
    return rest
  })
  expect(rulesOf(withoutReason)).toEqual(['altered', 'lost'])
})

test('accepts two snapshots with reason RESET in the epoch after a failover, which nothing else of it precedes', () => {
  const mutations = sample.entries.filter(({ is }) => is === 'mutated')
  const [subscribed, snapshot, ...rest] = sample.entries.filter(
    (entry) => entry.is !== 'mutated' && entry.sub === 'sse task:a',
  )
  if (subscribed === undefined || snapshot?.is !== 'delivered' || snapshot.snapshot === undefined)
    throw new Error('The sample has no such subscription')
  const former = { ...snapshot, cursor: snapshot.cursor.replace('epoch', 'former') }
  const reset = { ...snapshot, snapshot: { ...snapshot.snapshot, reason: 'RESET' } }
  const rulesAfter = (entries: readonly Entry[], failedOver = true) =>
    checkHistory({
      log: sample.log,
      failedOver,
      entries: [...mutations, subscribed, ...entries, ...rest],
    }).violations.map(({ rule }) => rule)
  expect(rulesAfter([former, reset])).toEqual([])
  expect(rulesAfter([former, reset], false)).toEqual(['unexpectedSnapshot'])
  expect(rulesAfter([former, reset, reset])).toEqual([])
  expect(rulesAfter([former, reset, reset, reset])).toEqual(['unexpectedSnapshot'])
  expect(rulesAfter([former])).toEqual(['missingSnapshot'])
})

test('after a failover that lost events, accepts a snapshot with reason RESET, or that a topic does not exist, and nothing else', () => {
  const name = 'task:d'
  const sub = `restored ${name}`
  const { log, restored } = sample
  if (restored === undefined) throw new Error('The sample has no former log')
  const mutations = sample.entries.filter(({ is }) => is === 'mutated').map((entry) => ({ ...entry, at: -1 }))
  const own = sample.entries.filter((entry) => entry.is !== 'mutated' && entry.is !== 'connected' && entry.sub === sub)
  const check = (entries: readonly Entry[], topics = log.topics) =>
    checkHistory({
      log: { topics, tasks: topics === log.topics ? log.tasks : new Map() },
      restored,
      failedOver: true,
      entries: [...mutations, ...entries],
    }).violations.map(({ rule }) => rule)
  const changeSnapshot = (change: (entry: Delivered) => readonly Entry[]) =>
    own.flatMap((entry) => (entry.is === 'delivered' && entry.snapshot !== undefined ? change(entry) : [entry]))
  expect(check(own)).toEqual([])
  // A continuation, with the events of the new log or as if nothing had happened.
  expect(check(changeSnapshot(() => []))).toContain('missingSnapshot')
  expect(check(own.slice(0, 7))).toContain('neverEnded')
  expect(
    check(own.map((entry) => (entry.is === 'delivered' ? { ...entry, cursor: `former-${name}-${entry.seq}` } : entry))),
  ).toContain('unexpectedSnapshot')
  const withReason = (reason: string) =>
    changeSnapshot((entry) => [{ ...entry, snapshot: { state: '', isFinal: false, ...entry.snapshot, reason } }])
  for (const reason of ['LAGGED', 'SUBSCRIBED']) expect(check(withReason(reason)), reason).toContain('missingSnapshot')
  // The topic was lost.
  const others = new Map([...log.topics].filter(([topic]) => topic !== name))
  const former = own.slice(0, 7)
  const ended = { is: 'ended', sub, at: 100, how: 'error', error: 'NOT_FOUND: There is no such task' } as const
  expect(check([...former, ended], others)).toEqual([])
  expect(check([...former, { ...ended, error: 'INTERNAL: It failed' }], others)).toContain('errorVisible')
  expect(check(former, others)).toContain('neverEnded')
  // It is still there.
  expect(check([...former, ended])).toContain('errorVisible')
})

test('detects the loss, the repetition and the change of any single delivered event', () => {
  const { entries } = sample
  const undetected = entries.flatMap((entry, index) => {
    if (entry.is !== 'delivered' || entry.snapshot !== undefined || entry.sub.startsWith('apollo')) return []
    // A subscriber may miss the newest events of an epoch that a restored backup ends.
    const isNewestOfFormer = entry.cursor?.startsWith('former') && entries[index + 1]?.is === 'connected'
    const changes: [Rule, readonly Entry[]][] = [
      ...(isNewestOfFormer ? [] : [['lost', []] satisfies [Rule, readonly Entry[]]]),
      ['repeated', [entry, entry]],
      ['altered', [{ ...entry, digest: 'another' }]],
    ]
    return changes
      .filter(([rule, changed]) => !rulesOf(entries.toSpliced(index, 1, ...changed)).includes(rule))
      .map(([rule]) => `${rule}: ${entry.sub} ${entry.seq}`)
  })
  expect(undetected).toEqual([])
})
