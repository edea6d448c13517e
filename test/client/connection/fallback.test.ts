import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type FallbackEffect,
  type FallbackEvent,
  type FallbackState,
  initialFallback,
  stepFallback,
} from '../../../client/connection/fallback.ts'
import { describeStep, rows, states } from './fallback-table.ts'

const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
const cells = readTable(page)

describe('the table in the documentation', () => {
  test('has a row for each case and a column for each state', () => {
    expect(cells.map(([row, is]) => `${row} × ${is}`)).toEqual(
      Object.keys(rows).flatMap((row) => states.map((is) => `${row} × ${is}`)),
    )
  })

  test.for(cells)('matches %s, while %s', ([name, is, says]) => {
    const row = rows[name]
    if (row === undefined) throw new Error(`There is no row "${name}"`)
    expect(describeStep(is, row)).toBe(says)
  })
})

const failed: FallbackEvent = { type: 'lost', kind: 'failed', steady: false, recentSilent: 0, reason: 'refused' }

/** Applies events from the initial state. */
function walk(events: readonly FallbackEvent[], transports = 3): FallbackState {
  return events.reduce((state, event) => stepFallback(state, event, transports).state, initialFallback)
}

test('tries all transports without a pause once the best has failed twice, then waits and starts at the top', () => {
  const swept = walk([{ type: 'wanted' }, failed, { type: 'due' }, failed, failed, failed])
  expect(swept).toMatchObject({ is: 'waiting', level: 0, attempt: 2 })
  const again = [{ type: 'due' } as const, failed].reduce<FallbackState>((s, e) => stepFallback(s, e, 3).state, swept)
  expect(again).toMatchObject({ is: 'opening', level: 1 })
})

test('counts attempts while a pinned transport fails, and starts at zero when it works', () => {
  const fourTimes = Array.from({ length: 4 }, (): FallbackEvent[] => [failed, { type: 'due' }]).flat()
  expect(walk([{ type: 'wanted' }, ...fourTimes], 1)).toMatchObject({ is: 'opening', level: 0, attempt: 4 })
  expect(walk([{ type: 'wanted' }, ...fourTimes, { type: 'confirmed' }], 1)).toMatchObject({ is: 'up', attempt: 0 })
})

test('retries a transport that is confirmed and fails repeatedly less and less often', () => {
  const flap: FallbackEvent[] = [
    { type: 'probeDue' },
    { type: 'probeConfirmed' },
    failed,
    { type: 'due' },
    { type: 'confirmed' },
    failed,
    { type: 'confirmed' },
  ]
  const down: FallbackEvent[] = [{ type: 'wanted' }, failed, { type: 'due' }, failed, { type: 'confirmed' }]
  expect(walk([...down, ...flap, ...flap])).toMatchObject({ is: 'up', level: 1, probes: 2 })
})

test('abandons a transport that goes silent twice within minutes, however long each connection lasted', () => {
  const silent = (recentSilent: number): FallbackEvent => ({
    type: 'lost',
    kind: 'silent',
    steady: true,
    recentSilent,
    reason: 'went silent',
  })
  const once: FallbackEvent[] = [
    { type: 'wanted' },
    { type: 'confirmed' },
    silent(1),
    { type: 'due' },
    { type: 'confirmed' },
  ]
  expect(walk([...once, silent(2)])).toMatchObject({ is: 'opening', level: 1, reason: 'went silent' })
  expect(walk([...once, silent(1)])).toMatchObject({ is: 'waiting', level: 0 })
  expect(
    walk([...once, silent(2), { type: 'confirmed' }, silent(1), { type: 'due' }, { type: 'confirmed' }, silent(2)]),
  ).toMatchObject({ is: 'opening', level: 2 })
})

const anyEvent: fc.Arbitrary<FallbackEvent> = fc.oneof(
  fc.constantFrom<FallbackEvent>(
    ...(
      [
        'wanted',
        'unwanted',
        'confirmed',
        'due',
        'woken',
        'probeDue',
        'renewalDue',
        'probeConfirmed',
        'reconnect',
      ] as const
    ).map((type) => ({ type })),
    { type: 'expired', reason: '' },
    { type: 'refused', reason: '' },
    { type: 'unreachable', reason: '' },
    { type: 'probeFailed', reason: '' },
  ),
  fc.record({
    type: fc.constant('lost' as const),
    kind: fc.constantFrom('failed' as const, 'silent' as const, 'busy' as const),
    steady: fc.boolean(),
    recentSilent: fc.integer({ min: 0, max: 3 }),
    reason: fc.constant(''),
  }),
)

test('for any events, at most one transport is open beside one probe, and none leaks', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (events, transports) => {
      let state = initialFallback
      const open = { main: false, probe: false }
      const carryOut: Record<FallbackEffect, () => void> = {
        open() {
          expect(open.main).toBe(false)
          open.main = true
        },
        close() {
          open.main = false
        },
        probe() {
          expect(open.probe).toBe(false)
          open.probe = true
        },
        drop() {
          open.probe = false
        },
        adopt() {
          expect(open.probe).toBe(true)
          Object.assign(open, { main: true, probe: false })
        },
        renew: () => undefined,
        check: () => expect(open.main).toBe(true),
      }
      for (const event of events) {
        const step = stepFallback(state, event, transports)
        for (const effect of step.effects) carryOut[effect]()
        state = step.state
        expect(state.level).toBeLessThan(transports)
        expect(open).toEqual({
          main: state.is === 'opening' || state.is === 'up' || state.is === 'probing',
          probe: state.is === 'probing',
        })
      }
    }),
    { numRuns: 2_000 },
  )
})

/** Parses the cells of the table of states × events: row, column, content. */
function readTable(text: string): readonly (readonly [string, FallbackState['is'], string])[] {
  const lines = text.split('\n')
  const from = lines.findIndex((line) => line.startsWith('| event |'))
  const split = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  const [, ...columns] = split(lines[from] ?? '') as [string, ...FallbackState['is'][]]
  return lines
    .slice(from + 2)
    .filter((line) => line.startsWith('|'))
    .flatMap((line) => {
      const [row = '', ...says] = split(line)
      return columns.map((is, index) => [row, is, says[index] ?? ''] as const)
    })
}
