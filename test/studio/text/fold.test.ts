import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldText, foldWithOffsets } from '../../../src/studio/text/fold.ts'
import { utf16String } from '../../support/utf16-string.ts'

test.each([
  ['Café', 'cafe'],
  ['Cafe\u0301', 'cafe'],
  ['Отчёт', 'отчет'],
  ['Straße', 'strasse'],
  ['ΟΔΥΣΣΕΎΣ', 'οδυσσευσ'],
  ['İstanbul ısı', 'istanbul isi'],
  ['Łódź', 'lodz'],
  ['ＡＢＣ １２', 'abc 12'],
  ['ﻣﺮﺣﺒﺎ', 'مرحبا'],
  ['مَرْحَبًا', 'مرحبا'],
  ['שָׁלוֹם', 'שלום'],
  ['보고서', '보고서'],
  ['が', 'が'],
])('folds %s to %s', (text, folded) => {
  expect(foldText(text)).toBe(folded)
})

test('maps each unit of a folded text to the character that it comes from', () => {
  const { folded, offsets } = foldWithOffsets('Die Große Cafe\u0301bar')
  expect(folded).toBe('die grosse cafebar')
  expect(folded.indexOf('cafe')).toBe(11)
  expect([offsets[4], offsets[11], offsets[15]]).toEqual([4, 10, 15])
  expect('Die Große Cafe\u0301bar'.slice(offsets[4], offsets[10])).toBe('Große')
})

test('has an offset in the text for every unit, in order, for any text', () => {
  fc.assert(
    fc.property(utf16String(), (text) => {
      const { folded, offsets } = foldWithOffsets(text.toWellFormed())
      expect(offsets).toHaveLength(folded.length + 1)
      expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
      expect(offsets.at(-1)).toBe(text.length)
    }),
  )
})
