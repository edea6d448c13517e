import { expect, it } from 'vitest'
import { hashText } from '../../src/log/hash.ts'

it('is 32-bit FNV-1a: if it changed, cursors held by clients would belong to no topic', () => {
  // The test vectors of its authors: http://www.isthe.com/chongo/src/fnv/test_fnv.c
  expect(hashText('')).toBe(0x811c9dc5)
  expect(hashText('a')).toBe(0xe40c292c)
  expect(hashText('foobar')).toBe(0xbf9cf968)
})
