import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)

test('the table of attacks has every row, and each closed one a test that exists', async () => {
  const text = await readFile(new URL('docs/security.md', root), 'utf8')
  const rows = [...text.matchAll(/^\| (\d+) \| (.+) \| (.+) \| (.+) \| (.+) \|$/gm)]
  expect(rows.map(([, number]) => Number(number))).toEqual(Array.from({ length: 53 }, (_, index) => index + 1))
  for (const [, number, , , state = '', tests = ''] of rows) {
    const files = [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file)
    if (state.startsWith('closed')) expect(files, `row ${number}`).not.toEqual([])
    for (const file of files) expect(existsSync(new URL(file, root)), `row ${number}: ${file}`).toBe(true)
  }
})
