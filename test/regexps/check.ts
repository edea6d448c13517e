// Checks every regular expression of the product with recheck: `npm run regexps`. `-- -u` writes
// `linear.json`. See docs/decisions/271-regular-expressions-are-checked.md.
import { writeFile } from 'node:fs/promises'
import { collectRegexps } from './collect.ts'
import { findProblems, readLists } from './lists.ts'

const isUpdate = process.argv.includes('-u')
const { justified, linear } = await readLists()
const found = await collectRegexps()
// An update keeps the verdicts that exist; otherwise all of them are checked again.
const { problems, checked } = await findProblems(found, { justified, linear: isUpdate ? linear : [] })
if (isUpdate) {
  const current = found.map(({ source }) => source)
  const kept = [...new Set([...linear, ...checked])].filter((source) => current.includes(source)).sort()
  await writeFile(new URL('linear.json', import.meta.url), `${JSON.stringify(kept, null, 2)}\n`)
}
process.stdout.write(`${found.length} regular expressions, ${Object.keys(justified).length} of them justified\n`)
for (const problem of problems) process.stdout.write(`${problem}\n`)
process.exitCode = problems.length === 0 ? 0 : 1
