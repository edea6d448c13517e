import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createJsonDepthCheck, isJsonTooDeep, maxJsonDepth } from '../../../src/server/request/json-depth.ts'

const nested = (depth: number, inside: string): string =>
  `${'{"a":['.repeat(depth / 2)}${inside}${']}'.repeat(depth / 2)}`

test('is the depth of brackets outside strings', () => {
  const strings = '"[[[", "\\"[{", "\\\\", "]"'
  expect(isJsonTooDeep(Buffer.from(nested(maxJsonDepth, strings)))).toBe(false)
  expect(isJsonTooDeep(Buffer.from(nested(maxJsonDepth, `${strings}, []`)))).toBe(true)
  expect(isJsonTooDeep(Buffer.from(`"${'['.repeat(200)}"`))).toBe(false)
})

test('is the same for a text that arrives in parts', () => {
  const text = fc.array(fc.constantFrom('[', '[[[[[[[[', '{', ']', '"', '\\', '\\\\', 'a'), { maxLength: 200 })
  fc.assert(
    fc.property(text, fc.array(fc.nat(400)), (parts, cuts) => {
      const bytes = Buffer.from(parts.join(''))
      const isTooDeep = createJsonDepthCheck()
      const ends = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
      const results = ends.map((end, index) => isTooDeep(bytes.subarray(index === 0 ? 0 : ends[index - 1], end)))
      expect(results.includes(true)).toBe(isJsonTooDeep(bytes))
    }),
    { numRuns: 2_000 },
  )
})
