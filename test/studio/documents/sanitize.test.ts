import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sanitize } from '../../../src/studio/documents/convert/sanitize.ts'
import { utf16String } from '../../support/utf16-string.ts'

test('replaces what cannot be stored in every text, however deep, and keeps all lengths', () => {
  expect(
    sanitize({ is: 'opened', labels: ['A\0', 'ok'], more: [{ text: 'b\ud800\u0001', count: 2, none: null }] }),
  ).toEqual({
    is: 'opened',
    labels: ['A\ufffd', 'ok'],
    more: [{ text: 'b\ufffd\ufffd', count: 2, none: null }],
  })
})

test('returns storable text of the same length for any text', () => {
  fc.assert(
    fc.property(utf16String(), (text) => {
      const clean = sanitize(text)
      expect(clean.length).toBe(text.length)
      expect(clean.isWellFormed()).toBe(true)
      expect([...clean].filter((character) => character < '\t' || character === '\u007f')).toEqual([])
    }),
  )
})
