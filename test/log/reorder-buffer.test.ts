import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogEvent } from '../../src/log/event.ts'
import { createReorderBuffer } from '../../src/log/reorder-buffer.ts'

const event = (seq: number): LogEvent => ({
  topic: 'x',
  seq,
  type: 'Said',
  at: '2026-01-01T00:00:00.000Z',
  payload: {},
})
const seqs = (events: readonly LogEvent[]): readonly number[] => events.map(({ seq }) => seq)

describe('a reorder buffer', () => {
  it.each([
    ['hands out what follows', [[1], [2, 3]], [[1], [2, 3]], []],
    [
      'drops what is known',
      [
        [1, 2],
        [1, 2],
        [2, 3],
      ],
      [[1, 2], [], [3]],
      [],
    ],
    ['keeps what is beyond a hole', [[2], [4], [1]], [[], [], [1, 2]], [4]],
    ['orders what one message mixes', [[3, 1, 2]], [[1, 2, 3]], []],
  ])('%s', (_what, messages, handedOut, waiting) => {
    const sequence = createReorderBuffer()
    expect(messages.map((message) => seqs(sequence.take(message.map(event))))).toEqual(handedOut)
    expect(sequence.waiting).toEqual(waiting)
  })

  it('counts duplicates', () => {
    const sequence = createReorderBuffer()
    sequence.take([1, 2, 1].map(event))
    sequence.take([2].map(event))
    expect(sequence.repeated).toBe(2)
  })

  it('releases buffered events when it learns its head', () => {
    const sequence = createReorderBuffer()
    sequence.keep([7, 5, 6, 9].map(event))
    sequence.jump(5)
    expect(seqs(sequence.take([]))).toEqual([6, 7])
    expect(sequence.forget([5, 9])).toBe(1)
    expect(sequence.waiting).toEqual([])
  })

  it('bounds its buffer', () => {
    const sequence = createReorderBuffer()
    sequence.take(Array.from({ length: 5_000 }, (_, i) => event(i + 2)))
    expect(sequence.waiting.length).toBeLessThanOrEqual(1_000)
  })

  it('releases each event once and in order, in whatever order they arrive', () => {
    const message = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 6 })
    fc.assert(
      fc.property(fc.array(message, { maxLength: 40 }), (messages) => {
        const sequence = createReorderBuffer()
        const handedOut = messages.flatMap((one) => seqs(sequence.take(one.map(event))))
        expect(handedOut).toEqual(handedOut.map((_, i) => i + 1))
        expect(sequence.head).toBe(handedOut.length)
        const came = new Set(messages.flat())
        // No received event is lost: it was released, or waits behind one that has not arrived.
        const waiting = [...came].filter((seq) => seq > sequence.head)
        expect([...sequence.waiting].sort((a, b) => a - b)).toEqual(waiting.sort((a, b) => a - b))
        expect(came.has(sequence.head + 1)).toBe(false)
      }),
    )
  })
})
