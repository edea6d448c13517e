import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

test('the README shows the files that create-tidings writes, which other tests run', async () => {
  const readme = await read('README.md')
  const page = await read('examples/react/page.tsx')
  const component = page.slice(page.indexOf('function Export('), page.indexOf('const root =')).trimEnd()
  for (const text of [
    await read('examples/http/tasks.ts'),
    await read('packages/create-tidings/template/tidings.ts'),
    `${component}\n`,
  ])
    expect(readme).toContain(`\n${text}\`\`\`\n`)
})
