// Checks every regular expression of the product with recheck: `npm run regexps`. `-- -u` checks
// only new ones, adds those that are linear to `linear.json`, and removes from both lists what the
// product does not contain any more. See docs/decisions/271-regular-expressions-are-checked.md.
import { writeFile } from 'node:fs/promises'
import { collectRegexps } from './collect.ts'
import { findProblems, readLists } from './lists.ts'

const isUpdate = process.argv.includes('-u')
const { justified, linear } = await readLists()
const found = await collectRegexps()
// An update keeps the verdicts that exist; otherwise all of them are checked again.
const { problems, checked } = await findProblems(found, { justified, linear: isUpdate ? linear : [] })
if (isUpdate) {
  const current = new Set(found.map(({ source }) => source))
  const write = (name: string, list: unknown): Promise<void> =>
    writeFile(new URL(name, import.meta.url), `${JSON.stringify(list, null, 2)}\n`)
  await write('linear.json', [...new Set([...linear, ...checked])].filter((source) => current.has(source)).sort())
  await write('justified.json', Object.fromEntries(Object.entries(justified).filter(([source]) => current.has(source))))
}
process.stdout.write(`${found.length} regular expressions, ${Object.keys(justified).length} of them justified\n`)
for (const problem of problems) process.stdout.write(`${problem}\n`)
process.exitCode = problems.length === 0 ? 0 : 1
