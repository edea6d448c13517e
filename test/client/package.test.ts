import { readFile } from 'node:fs/promises'
import { runInNewContext } from 'node:vm'
import { type DocumentNode, print } from 'graphql'
import { expect, test } from 'vitest'
import { compileEntry, measured, measureEntry, shareFragments } from '../../client/build.ts'
import * as source from '../../client/gql/graphql.ts'
import { runProgram } from './support/program.ts'

test.for(Object.keys(measured))('tidings/%s is within its documented size', async (name) => {
  expect(await measureEntry(name)).toBeLessThanOrEqual(measured[name]?.maxGzipBytes ?? 0)
})

test('the build shares fragments among the documents and changes none of them', async () => {
  const code = shareFragments(await readFile(new URL('../../client/gql/graphql.ts', import.meta.url), 'utf8'))
  const constants = code
    .split('\n')
    .filter((line) => /^(export )?const \w+ = /.test(line))
    .map((line) => line.replace(/^export /, '').replace(/ as unknown as DocumentNode.*$/, ';'))
  const expected = Object.entries(source as unknown as Record<string, DocumentNode>)
  const names = expected.map(([name]) => name)
  const documents = runInNewContext(`${constants.join('\n')}\n;({ ${names.join()} })`) as Record<string, DocumentNode>
  expect(code.match(/^const fragmentTaskErrorFields = /gm)).toHaveLength(1)
  expect(names.length).toBeGreaterThan(50)
  for (const [name, document] of expected) expect(print(documents[name] as DocumentNode)).toBe(print(document))
})

test('tidings/react uses nothing that React 18 does not have', async () => {
  const code = await compileEntry('react')
  const names = [...code.matchAll(/import\s*\{([^}]*)\}\s*from\s*["']react["']/g)].flatMap(([, list = '']) =>
    list.split(',').map((part) => part.trim().split(/\s+as\s+/)[0]),
  )
  const react18 = [
    ...['Component', 'Fragment', 'Suspense', 'createContext', 'createElement', 'forwardRef', 'lazy', 'memo'],
    ...['startTransition', 'useCallback', 'useContext', 'useDebugValue', 'useDeferredValue', 'useEffect', 'useId'],
    ...['useImperativeHandle', 'useInsertionEffect', 'useLayoutEffect', 'useMemo', 'useReducer', 'useRef', 'useState'],
    ...['useSyncExternalStore', 'useTransition'],
  ]
  expect(names).toContain('createContext')
  expect(names.filter((name) => !react18.includes(name ?? ''))).toEqual([])
  // A context is a component from React 19 on: both contexts are rendered by their provider.
  expect(code.match(/\.Provider,/g)).toHaveLength(2)
})

test.for(['react', 'apps-react'])(
  'tidings/%s marks itself as client code, so that a server component may import it',
  async (name) => {
    expect(await compileEntry(name)).toMatch(/^(['"])use client\1/)
  },
)

test('the package has an entry and types for each of its exports', async () => {
  const { exports } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  }
  const { files } = JSON.parse(await readFile(new URL('../../client/tsconfig.json', import.meta.url), 'utf8')) as {
    readonly files: readonly string[]
  }
  const entries = Object.values(exports).filter((paths) => typeof paths !== 'string')
  expect(
    entries.map(({ types }) => types.replace('./dist/client/types/client/', '').replace('.d.ts', '.ts')).sort(),
  ).toEqual([...files].sort())
  expect(entries.map(({ default: file }) => file.replace('./dist/client/', '').replace('.js', '')).sort()).toEqual(
    Object.keys(measured)
      .filter((name) => !name.includes(' '))
      .sort(),
  )
})

test('importing the client opens nothing', async () => {
  expect(await runProgram('console.log(typeof createTidingsClient)')).toEqual({ code: 0, said: 'function\n' })
})

test('a program that waits for the server keeps running, and ends once it has disposed of its client', async () => {
  const output = await runProgram(`
    const client = createTidingsClient({ url: 'http://127.0.0.1:9/graphql', timing: { backoffMs: 1, maxBackoffMs: 5 } })
    client.connection.subscribe(() => {
      if (client.connection.getSnapshot().attempt !== 4) return
      console.log('still here')
      void client.dispose()
    })
  `)
  expect(output).toEqual({ code: 0, said: 'still here\n' })
})
