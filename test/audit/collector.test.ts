import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AuditEvent, toAuditRecord } from '../../src/audit/audit-event.ts'
import { type CollectorLimits, createCollector } from '../../src/audit/collector.ts'

/** Creates a collector with a clock that is moved by the test. */
function create(limits: CollectorLimits = {}) {
  const clock = { ms: 1_000_000 * 60_000 }
  return { clock, collector: createCollector({ ...limits, now: () => clock.ms }) }
}
const refusal = (address: string, userAgent = 'curl') =>
  toAuditRecord('REFUSED', { userId: null, address, userAgent }, { reason: 'token' })

describe('facts are collected', () => {
  it('ten thousand identical facts are one row with their count', () => {
    const { clock, collector } = create()
    for (let i = 0; i < 10_000; i++) {
      clock.ms += 6
      collector.add(refusal('192.0.2.1'))
    }
    expect(collector.take(100)).toMatchObject([{ count: 10_000, untilMs: clock.ms }])
  })

  it('a written row grows while the same fact recurs, and is written again', () => {
    const { clock, collector } = create()
    collector.add(refusal('192.0.2.1'))
    const first = collector.take(100)
    collector.written(first)
    expect(collector.size).toBe(0)
    clock.ms += 59_000
    collector.add(refusal('192.0.2.1'))
    const second = collector.take(100)
    expect(second).toMatchObject([{ id: first[0]?.id, count: 2 }])
    collector.written(second)
    clock.ms += 61_000
    collector.add(refusal('192.0.2.1'))
    expect(collector.take(100)).toMatchObject([{ count: 1 }])
    expect(collector.take(100)[0]?.id).not.toBe(first[0]?.id)
  })

  it('a fact that recurs for hours is a row per hour', () => {
    const { clock, collector } = create()
    for (let minute = 0; minute < 180; minute++) {
      clock.ms += 60_000
      collector.add(refusal('192.0.2.1'))
    }
    const rows = collector.take(100)
    expect(rows).toHaveLength(3)
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(180)
  })

  it('facts that occur while a row is being written are not lost', () => {
    const { collector } = create()
    collector.add(refusal('192.0.2.1'))
    const taken = collector.take(100)
    collector.add(refusal('192.0.2.1'))
    collector.written(taken)
    expect(collector.take(100)).toMatchObject([{ count: 2 }])
  })

  it('a source that varies every request gets a limited number of rows per minute, and one that counts the rest', () => {
    const { collector } = create({ perSource: 10 })
    for (let i = 0; i < 1_000; i++) collector.add(refusal('192.0.2.1', `agent ${i}`))
    collector.add(refusal('192.0.2.2'))
    const rows = collector.take(1_000)
    expect(rows).toHaveLength(12)
    expect(rows.find(({ reason }) => reason === 'others')).toMatchObject({
      event: 'REFUSED',
      address: '192.0.2.1',
      count: 990,
    })
  })

  it('all addresses of an IPv6 network are one source', () => {
    const { collector } = create({ perSource: 10 })
    for (let i = 0; i < 1_000; i++) collector.add(refusal(`2001:db8:1:2::${i.toString(16)}`))
    const rows = collector.take(2_000)
    expect(rows).toHaveLength(11)
    expect(rows.at(-1)).toMatchObject({ address: '2001:db8:1:2::/64', reason: 'others', count: 990 })
  })

  it('many addresses get a limited number of rows per minute, and one per event that counts the rest', () => {
    const { collector } = create({ perMinute: 100 })
    for (let i = 0; i < 1_000; i++) collector.add(refusal(`192.0.2.${i}`))
    const rows = collector.take(1_000)
    expect(rows).toHaveLength(101)
    expect(rows.at(-1)).toMatchObject({ address: null, reason: 'others', count: 900 })
  })

  it('facts beyond the capacity while the database is unavailable are counted, and the count becomes a row when there is capacity again', () => {
    const { collector } = create({ maxWaiting: 5 })
    for (let i = 0; i < 12; i++) collector.add(refusal(`192.0.2.${i}`))
    expect(collector.dropped).toBe(7)
    const rows = collector.take(3)
    expect(rows).toHaveLength(3)
    collector.written(rows)
    const rest = collector.take(10)
    expect(rest).toHaveLength(3)
    expect(rest.at(-1)).toMatchObject({ event: 'DROPPED', count: 7 })
    expect(collector.dropped).toBe(0)
  })

  it('no fact is lost without being counted, in any order of steps, and memory is bounded', () => {
    const step = fc.oneof(
      fc.record({
        is: fc.constant('add' as const),
        event: fc.constantFrom<AuditEvent>('REFUSED', 'CONNECTED'),
        who: fc.nat(12),
        agent: fc.nat(3),
      }),
      fc.record({ is: fc.constant('wait' as const), ms: fc.nat(90_000) }),
      fc.record({ is: fc.constant('write' as const), max: fc.integer({ min: 1, max: 4 }), fails: fc.boolean() }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { clock, collector } = create({ maxWaiting: 6, perSource: 3, perMinute: 8 })
        const database = new Map<string, number>()
        let added = 0
        const write = (max: number, fails: boolean) => {
          const rows = collector.take(max)
          if (fails) return
          for (const { id, count } of rows) database.set(id, Math.max(count, database.get(id) ?? 0))
          collector.written(rows)
        }
        for (const one of steps) {
          if (one.is === 'wait') clock.ms += one.ms
          else if (one.is === 'write') write(one.max, one.fails)
          else {
            added++
            collector.add(
              toAuditRecord(one.event, {
                userId: null,
                address: `192.0.2.${one.who}`,
                userAgent: `agent ${one.agent}`,
              }),
            )
          }
          expect(collector.size).toBeLessThanOrEqual(6)
        }
        while (collector.size > 0 || collector.dropped > 0) write(4, false)
        expect([...database.values()].reduce((sum, count) => sum + count, 0)).toBe(added)
      }),
    )
  })
})

it('a fact contains no secrets and is bounded in length', () => {
  const caller = { userId: 'u\0', address: '::1', userAgent: `Bearer abcdefgh12345678 ${'x'.repeat(10_000)}` }
  const fact = toAuditRecord('REFUSED', caller, { detail: 'postgres://tidings:hunter2@db/x refused {"token":"abc"}' })
  expect(fact.userId).toBe('u ')
  expect(fact.userAgent).not.toContain('abcdefgh')
  expect(fact.userAgent).toHaveLength(300)
  expect(fact.detail).not.toMatch(/hunter2|abc/)
})
