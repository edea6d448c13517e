import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { readArguments } from './arguments.ts'
import { faults } from './kinds/table.ts'
import { createProof, insertSummary, mergeProofs, type Proof, renderProof } from './proof.ts'
import { createRandom } from './rig/random.ts'
import { measureDelivery } from './rig/recovery.ts'
import { createMessageFilter } from './rig/redis-messages.ts'

describe('the table of faults', () => {
  test('has at least 60 kinds with unique names', () => {
    expect(faults.length).toBeGreaterThan(60)
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length)
    expect(faults.filter(({ isTelling }) => isTelling)).not.toEqual([])
  })
})

describe('readArguments', () => {
  test('selects faults by a part of their names, by group, or all', () => {
    expect(readArguments(['--fault', 'server kill -9, back', '--seed', '7'])).toMatchObject({
      seed: 7,
      names: ['server kill -9, back after 1 s'],
      isCombined: false,
    })
    expect(readArguments(['--group', 'none'])).toMatchObject({ names: ['none'] })
    expect(readArguments([])).toMatchObject({ names: faults.map(({ name }) => name) })
    expect(readArguments(['--minutes', '60'])).toMatchObject({ minutes: 60, isCombined: true })
  })

  test('prints the help and the list, and refuses other values with the allowed ones', () => {
    expect(readArguments(['--help'])).toContain('--seed N')
    expect(readArguments(['--list'])).toContain('redis kill -9')
    expect(() => readArguments(['--fault', 'flood'])).toThrow(/"flood"; --list prints all names/)
    expect(() => readArguments(['--group', 'flood'])).toThrow(/postgres/)
    expect(() => readArguments(['--seed', 'x'])).toThrow('--seed x: it must be a number of at least 0')
  })
})

test('the same seed gives the same numbers, and forks are independent', () => {
  const numbers = (seed: number) => Array.from({ length: 5 }, createRandom(seed).next)
  expect(numbers(3)).toEqual(numbers(3))
  expect(numbers(3)).not.toEqual(numbers(4))
  const [first, second] = [createRandom(3), createRandom(3)]
  first.fork('load').next()
  expect(first.next()).toBe(second.next())
})

test('the message filter discards messages only, wherever the bytes are split', () => {
  const reply = '+OK\r\n$5\r\nhello\r\n*2\r\n:1\r\n_\r\n'
  const push = '>3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\n[{}]\r\n'
  const legacy = '*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\n[{}]\r\n'
  const bytes = Buffer.from(reply + push + reply + legacy + reply)
  for (let at = 0; at <= bytes.length; at++) {
    const filter = createMessageFilter(() => true)
    const passed = Buffer.concat([filter(bytes.subarray(0, at)), filter(bytes.subarray(at))])
    expect(passed.toString()).toBe(reply.repeat(3))
  }
  expect(createMessageFilter(() => false)(bytes)).toEqual(bytes)
})

test('recovery is counted for subscriptions that were behind at the end of the fault', () => {
  const subscribed = (sub: string) =>
    ({ is: 'subscribed', sub, at: 0, client: 'sse', topic: 't', from: 'start', hasCursor: true }) as const
  const delivered = (sub: string, seq: number, at: number) =>
    ({ is: 'delivered', sub, at, seq, type: 'TaskAdvanced', cursor: '', digest: '' }) as const
  const entries = [
    subscribed('ahead'),
    subscribed('behind'),
    delivered('ahead', 2, 5),
    delivered('behind', 1, 5),
    delivered('behind', 2, 30),
    delivered('behind', 3, 40),
  ]
  expect(measureDelivery(entries, 10, new Map([['t', 2]]))).toEqual([20])
})

test('the document shows every fault, its figures and its violations', () => {
  const run = {
    fault: 'none',
    group: 'none',
    seed: 5,
    leavesServer: true,
    durationMs: 60_000,
    recovery: { deliveryMs: [1, 2, 300], readyMs: 10, taskMs: 1_500 },
    deliveries: 12_345,
    subscriptions: 10,
    tasks: 4,
    events: 40,
    reported: 1,
    mostOpen: 20,
    distrustedMs: 0,
    violations: [{ rule: 'lost' as const, subject: 'sse 1', detail: '7' }],
  }
  const origin = { commit: 'abc', machine: '2 × CPU', startedAt: '2026-01-02T00:00:00Z', seed: 5 }
  const text = renderProof(createProof([run, { ...run, seed: 6, violations: [] }], origin))
  expect(text).toContain('| none | 2 | 24,690 | 1 | 2 | 2 / 300 / 300 | 5,000 | 10 | 1,500 |')
  expect(text).toContain('- none, seed 5: lost: sse 1: 7')
  expect(text).toContain('2 minutes')
  expect(text).toContain(`runs of 0 of ${faults.length - 1} kinds of faults`)
  expect(text).toContain('## Not in this run')
})

test('kinds that are run again replace their rows, and the document says so', () => {
  const run = {
    group: 'none',
    seed: 5,
    leavesServer: true,
    durationMs: 60_000,
    recovery: { deliveryMs: [1], readyMs: 10, taskMs: 20 },
    deliveries: 100,
    subscriptions: 10,
    tasks: 4,
    events: 40,
    reported: 1,
    mostOpen: 20,
    distrustedMs: 0,
    violations: [],
  }
  const lost = { ...run, violations: [{ rule: 'lost' as const, subject: 'sse 1', detail: '7' }] }
  const [first, second] = faults.map(({ name }) => name)
  const origin = { commit: 'abc', machine: '2 × CPU', startedAt: '2026-01-02T00:00:00Z', seed: 5 }
  const earlier = createProof(
    [
      { ...lost, fault: first ?? '' },
      { ...run, fault: second ?? '' },
    ],
    origin,
  )
  const later = createProof([{ ...run, fault: first ?? '', deliveries: 30 }], { ...origin, commit: 'def', seed: 9 })
  const merged = mergeProofs(earlier, later)
  expect(earlier.total).toMatchObject({ deliveries: 200, violations: 1 })
  expect(merged.total).toMatchObject({ deliveries: 130, violations: 0 })
  expect(merged.rows.map(({ fault }) => fault)).toEqual([first, second])
  expect(renderProof(merged)).toContain(`Run again at commit def, 2026-01-02, seeds from 9: ${first}.`)
})

test('docs/proof.md and the README agree with docs/proof.json', async () => {
  const read = (file: string) => readFile(new URL(`../../${file}`, import.meta.url), 'utf8')
  const proof = JSON.parse(await read('docs/proof.json')) as Proof
  expect(await read('docs/proof.md')).toBe(renderProof(proof))
  const readme = await read('README.md')
  expect(insertSummary(readme, proof)).toBe(readme)
})
