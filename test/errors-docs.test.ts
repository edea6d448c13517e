import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import {
  closeCodeCatalogue,
  type ErrorCatalogue,
  errorCatalogue,
  requestErrorCatalogue,
  taskErrorCatalogue,
} from '../src/errors.ts'
import { closeCodes } from '../src/protocol.ts'
import { studioErrorCatalogue } from '../src/studio/task-errors.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Codes that no client receives: an invalid setting ends the process, a lost lease the attempt. */
const internal = ['BAD_CONFIGURATION', 'LEASE_LOST']
const requestCodes = Object.entries({ ...errorCatalogue, ...requestErrorCatalogue } as ErrorCatalogue).filter(
  ([code]) => !internal.includes(code),
)

const tableOf = (entries: readonly (readonly [string, ErrorCatalogue[string]])[]): string =>
  [
    '| code | raised when | retryable | what to do |',
    '| --- | --- | --- | --- |',
    ...entries.map(
      ([code, { when, retryable, advice }]) => `| \`${code}\` | ${when} | ${retryable ? 'yes' : 'no'} | ${advice} |`,
    ),
  ].join('\n')

test('docs/errors.md has every code of the catalogs (`vitest run test/errors-docs.test.ts -u` writes it)', async () => {
  const closeRows = Object.entries(closeCodeCatalogue).map(
    ([code, { when, client }]) => `| ${code} | ${when} | ${client} |`,
  )
  await expect(`# Errors

All codes that a client can receive. Generated from the catalogues in \`src/errors.ts\` and \`src/studio/task-errors.ts\`. Codes are stable; messages are for people and may change. Handle an unknown code as \`INTERNAL\`.

Failures that the caller of a mutation can act on are not errors but members of its result: \`NotFoundError\`, \`ConflictError\`, \`InvalidInputError\`, \`RateLimitedError\`.

## \`errors[].extensions.code\`

Of queries, mutations and subscriptions on every transport. Retryable ones have \`extensions.retryable\` (true) and \`extensions.retryAfterMs\`; repeat a mutation with the same \`idempotencyKey\`.

${tableOf(requestCodes)}

## \`TaskError.code\`

Why a task, an attempt or an item failed. \`retryable\` means that the engine itself tries again while attempts are left.

From the engine, for every kind of task:

${tableOf(Object.entries(taskErrorCatalogue))}

From the Studio’s applications:

${tableOf(Object.entries(studioErrorCatalogue))}

A task may also fail with a code of the first table, as \`NOT_FOUND\`.

## Close codes of a WebSocket

| code | sent when | what a client does |
| --- | --- | --- |
${closeRows.join('\n')}

1001, 1006 and every other code: the connection was lost; resume with backoff. A client of graphql-ws does so by itself; see [the protocol](protocol.md).
`).toMatchFileSnapshot('../docs/errors.md')
})

test('the catalogs have exactly the codes in the sources', async () => {
  const known: ReadonlySet<string> = new Set([
    ...requestCodes.map(([code]) => code),
    ...internal,
    ...Object.keys({ ...taskErrorCatalogue, ...studioErrorCatalogue }),
  ])
  const used = new Set<string>()
  const unknown: string[] = []
  for (const folder of ['src', 'schema'])
    for (const name of await readdir(`${root}/${folder}`, { recursive: true })) {
      if (!name.endsWith('.ts') || name === 'errors.ts' || name.endsWith('task-errors.ts')) continue
      // Examples in docblocks have codes of a team.
      const text = (await readFile(`${root}/${folder}/${name}`, 'utf8')).replaceAll(/^ *\*.*/gm, '')
      for (const [, code = ''] of text.matchAll(/'([A-Z]+(?:_[A-Z]+)*)'/g)) used.add(code)
      for (const [, code = ''] of text.matchAll(/(?:new \w*Error\(\s*|\bcode(?:: |'\] = ))'([A-Z]+(?:_[A-Z]+)*)'/g))
        if (!known.has(code)) unknown.push(`${folder}/${name}: ${code}`)
    }
  expect(unknown).toEqual([])
  // Keys of a table of advice are not string literals.
  const documents = await readFile(`${root}/src/studio/documents/structure/structure-error.ts`, 'utf8')
  expect([...known].filter((code) => !used.has(code) && !documents.includes(`${code}:`))).toEqual([])
})

test('the close codes that the server sends are in the catalog', () => {
  for (const code of Object.values(closeCodes)) expect(closeCodeCatalogue).toHaveProperty(String(code))
})
