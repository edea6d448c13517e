import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTidings } from 'tidings'
import { expect, test } from 'vitest'
import { exportReport } from '../../examples/http/tasks.ts'
import { order } from '../../examples/topics/order.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('the programs of the README, of docs/client.md and of the guides compile unchanged', async () => {
  const guides = (await readdir(join(root, 'docs/guide'))).toSorted().map((name) => `docs/guide/${name}`)
  const texts = ['README.md', 'docs/client.md', ...guides].map((name) => readFile(join(root, name), 'utf8'))
  const text = (await Promise.all(texts)).join('')
  const programs = [...text.matchAll(/^```(tsx?) file=(\w+)\n([\s\S]*?)^```/gm)]
  expect(programs.map(([, , name]) => name)).toEqual([
    'watch',
    'main',
    'words',
    'apps',
    'retry',
    'own',
    'plain',
    'connection',
    'outbox',
    'list',
    'exchange',
    'script',
    'order',
  ])
  // Below the root, where the packages are resolved.
  await mkdir(join(root, 'dist'), { recursive: true })
  const folder = await mkdtemp(join(root, 'dist/docs-'))
  try {
    for (const [, type, name, program = ''] of programs) await writeFile(join(folder, `${name}.${type}`), program)
    await createTidings({ tasks: [exportReport], topics: [order] }).writeClient(join(folder, 'tidings.gen.ts'))
    // As `vite/client` and Next.js declare it.
    await writeFile(join(folder, 'css.d.ts'), "declare module '*.css'\n")
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.json',
        compilerOptions: {
          types: [],
          module: 'esnext',
          moduleResolution: 'bundler',
          paths: {
            'tidings/client': ['../../client/index.ts'],
            'tidings/react': ['../../client/react/index.ts'],
            'tidings/apps': ['../../client/apps/index.ts'],
            'tidings/apps/react': ['../../client/apps/react.ts'],
          },
        },
        include: ['.'],
      }),
    )
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(
      (error: { readonly stdout: string }) => error,
    )
    expect(stdout).toBe('')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
