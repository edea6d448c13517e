import { describe, expect, test } from 'vitest'
import { collectRegexps, regexpsIn } from './collect.ts'
import { findProblems, readLists } from './lists.ts'

describe('the regular expressions of the product', () => {
  test('are linear, or have a limit of their input (`npm run regexps -- -u` writes the list)', async () => {
    const found = await collectRegexps()
    expect(found.length).toBeGreaterThan(300)
    // New ones are checked here, and again each time until they are listed.
    const { problems } = await findProblems(found, await readLists())
    expect(problems).toEqual([])
  })

  test('are on one list, with a reason when they are not linear', async () => {
    const { linear, justified } = await readLists()
    expect(linear.filter((source) => source in justified)).toEqual([])
    for (const [source, reason] of Object.entries(justified)) expect(reason.length, source).toBeGreaterThan(20)
  })

  test('are found in modules and components, also when they are computed', () => {
    const text = `const a: RegExp = /a+$/u; const b = <p title="/x/">{text.split(/b*/)}</p>
      new RegExp('c', 'g'); RegExp('d'); new RegExp(a.source, 'i')`
    expect(regexpsIn(text, 'a.tsx').map(({ source, pattern }) => [source, pattern])).toEqual([
      ['/a+$/u', 'a+$'],
      ['/b*/', 'b*'],
      ["new RegExp('c', 'g')", 'c'],
      ["new RegExp('d')", 'd'],
      ["new RegExp(a.source, 'i')", undefined],
    ])
  })

  test('that are not linear are reported', async () => {
    const found = regexpsIn('/\\s+$/; /^a+$/', 'a.ts').map((regexp) => ({ ...regexp, file: 'a.ts' }))
    const { problems, checked } = await findProblems(found, { linear: [], justified: {} })
    expect(problems).toEqual([expect.stringContaining('a.ts: /\\s+$/ is 2nd degree polynomial')])
    expect(checked).toEqual(['/^a+$/'])
  })
})
