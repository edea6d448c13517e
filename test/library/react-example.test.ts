import { fileURLToPath } from 'node:url'
import { build, type Rolldown } from 'vite'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('the bundle of a page with the generated module has no code of the server', async () => {
  const bundle = await build({ root: `${root}examples/react`, logLevel: 'error', build: { write: false } })
  const outputs = (Array.isArray(bundle) ? bundle : [bundle]) as readonly Rolldown.RolldownOutput[]
  const modules = outputs
    .flatMap(({ output }) => output)
    .flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []))
    .map((id) => id.replace(root, ''))
  expect(modules).toContain('examples/react/tidings.gen.ts')
  // Constants that client and server share.
  expect(modules.filter((id) => /^(src|schema)\//.test(id))).toEqual(['src/protocol.ts'])
  expect(modules.filter((id) => id.startsWith('examples/http/'))).toEqual([])
  expect(modules.filter((id) => /node_modules\/(zod|pg|ioredis|graphql-yoga|@pothos)\//.test(id))).toEqual([])
})
