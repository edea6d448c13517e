import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCursorFormat, formatCursor, parseCursor } from '../../src/log/cursor.ts'
import { utf16String } from '../support/utf16-string.ts'

const epoch = 'a1b2c3d4'

describe('a cursor', () => {
  it.each([0, 1, 35, 36, 1_000_000, Number.MAX_SAFE_INTEGER])('carries the seq %d', (seq) => {
    expect(parseCursor(formatCursor(epoch, 'task:t_1', seq), 'task:t_1')).toEqual({ epoch, seq })
  })

  it('carries the epoch and the seq for any topic name', () => {
    const epochs = fc.string({
      unit: fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyz'),
      minLength: 1,
      maxLength: 16,
    })
    fc.assert(
      fc.property(epochs, utf16String(), fc.maxSafeNat(), (anEpoch, topic, seq) => {
        const cursor = createCursorFormat({ epoch: anEpoch }, topic)(seq)
        expect(cursor).toMatch(/^[0-9a-z-]+$/)
        expect(parseCursor(cursor, topic)).toEqual({ epoch: anEpoch, seq })
      }),
    )
  })

  it('of another topic is refused with a message that names both', () => {
    const cursor = formatCursor(epoch, 'task:t_1', 7)
    expect(() => parseCursor(cursor, 'task:t_2')).toThrow(
      expect.objectContaining({ code: 'BAD_CURSOR', message: expect.stringMatching(/a1b2c3d4-.*task:t_2/) }),
    )
  })

  it.each([
    '',
    '7',
    'a1b2c3d4-7',
    'a1b2c3d4--7',
    `${formatCursor(epoch, 'x', 7)}-1`,
    `${formatCursor(epoch, 'x', 7)}\n`,
  ])('is refused when it is %j', (text) => {
    expect(() => parseCursor(text, 'x')).toThrow(expect.objectContaining({ code: 'BAD_CURSOR' }))
  })

  it('with a seq beyond the safe integers is refused', () => {
    const cursor = formatCursor(epoch, 'x', 7).replace(/-7$/, '-zzzzzzzzzzz')
    expect(() => parseCursor(cursor, 'x')).toThrow(expect.objectContaining({ code: 'BAD_CURSOR' }))
  })

  it('is never accepted from arbitrary text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => parseCursor(text, 'task:t_1')).toThrow(expect.objectContaining({ code: 'BAD_CURSOR' }))
      }),
    )
  })
})
