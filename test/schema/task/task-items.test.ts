import { type DocumentNode, Kind, parse } from 'graphql'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { TaskProgressDocument } from '../../../client/gql/graphql.ts'
import { schema } from '../../../schema/studio/index.ts'
import { countSelectedItems } from '../../../schema/task/selected-items.ts'
import { createOperations } from '../../../src/server/operations/operations.ts'
import { selfTestKind } from '../../../src/studio/self-test/self-test.ts'
import { item } from '../../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { testConfig } from '../../server/support.ts'
import { startApi } from '../../support/api.ts'

const count = 1_201
const gate = Promise.withResolvers<void>()
const large = createTaskDefinition({
  kind: selfTestKind,
  input: z.object({ count: z.number() }),
  begin: (_client, { count }) =>
    Promise.resolve({
      items: Array.from({ length: count }, (_, index) => ({ key: `k${index}`, label: `Row ${index}` })),
    }),
  async *run({ input }) {
    yield item.failed(`k${input.count - 1}`, { code: 'X', message: 'X', retryable: false, advice: null })
    await gate.promise
    return {}
  },
}) as unknown as TaskDefinition

test('an operation that reads items costs as many of them as it may receive', () => {
  const operations = createOperations(schema, testConfig())
  const costOf = (document: DocumentNode, variables = {}): number => {
    const [operation] = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    if (operation === undefined) throw new Error('There is no operation')
    return operations.checkCost(document, operation, variables).cost
  }
  const document = parse('query ($first: Int) { task(id: "task_1") { items(first: $first) { key error { code } } } }')
  expect(costOf(parse('{ task(id: "task_1") { items { key } } }'))).toBe(501)
  expect(costOf(document)).toBe(1_001)
  expect(costOf(document, { first: 10 })).toBe(21)
  // The subscription of the client has room below the limit.
  expect(costOf(TaskProgressDocument)).toBeLessThan(0.4 * testConfig().MAX_QUERY_COST)
})

test.each([
  ['{ taskProgress { ... on TaskItemsAdded { items { key } } } }', {}, 0],
  ['{ taskProgress { ... on TaskSnapshot { task { items { key } } } } }', {}, 500],
  [
    '{ taskProgress { ... on TaskSnapshot { task { ...Some } } } } fragment Some on Task { items(first: 7) { key } }',
    {},
    7,
  ],
  [
    '{ taskProgress { ... on TaskSnapshot { task { ... @include(if: true) { items(first: $a) { key } } } } } }',
    { a: 9 },
    9,
  ],
  ['{ taskProgress { ... on TaskSnapshot { task { items(first: $a) { key } } } } }', {}, 500],
  [
    '{ taskProgress { ... on TaskSnapshot { task { a: items(first: 3) { key } b: items(first: $a) { key } } } } }',
    { a: 8 },
    8,
  ],
])('a snapshot for %s reads no more items than selected', (text, variableValues, expected) => {
  expect(countSelectedItems({ schema, document: parse(`subscription ($a: Int) ${text}`), variableValues })).toBe(
    expected,
  )
})

interface Page {
  readonly task: { readonly items: readonly { readonly key: string }[] }
}

test('Task.items is read in pages, and a snapshot has the first', async () => {
  await using api = await startApi({}, [large])
  const keys = Array.from({ length: count }, (_, index) => `k${index}`)
  const toItems = (some: readonly string[]) => some.map((key) => ({ key }))
  const document = `subscription ($id: ID!) { taskProgress(taskId: $id) { ... on TaskSnapshot { task {
    progress { totalItems failedItems } items(first: 3) { key } next: items(afterKey: "k1", first: 2) { key } failed: items(status: [FAILED]) { key }
  } } } }`
  const snapshotOf = async (id: string): Promise<unknown> => {
    for await (const { taskProgress } of api.watch(document, { id })) return (taskProgress as { task: unknown }).task
    return undefined
  }

  const start = async (input: { readonly count: number }): Promise<string> => {
    const { task } = await api.engine.tasks.start({ kind: selfTestKind, input, owner: localDeveloper.userId })
    await api.event(task, 'TaskItemFailed')
    return task.id
  }
  const id = await start({ count })
  const read = async (args: string): Promise<readonly string[]> => {
    const page: Page = await api.run(`query ($id: ID!) { task(id: $id) { items${args} { key } } }`, { id })
    return page.task.items.map(({ key }) => key)
  }
  expect(await read('')).toEqual(keys.slice(0, 500))
  expect(await read('(first: 2, afterKey: "k499")')).toEqual(['k500', 'k501'])
  expect(await read('(afterKey: "k999")')).toEqual(keys.slice(1_000))
  expect(await read('(status: [FAILED, RUNNING])')).toEqual(['k1200'])
  expect(await read('(first: 0)')).toEqual([])
  await expect(read('(first: 501)')).rejects.toThrow('`first` is 501; allowed: 0 to 500')
  await expect(read('(afterKey: "other")')).rejects.toThrow('has no item "other"')

  const shown = { items: toItems(keys.slice(0, 3)), next: toItems(['k2', 'k3']) }
  expect(await snapshotOf(id)).toEqual({
    ...shown,
    progress: { totalItems: count, failedItems: 1 },
    failed: toItems(['k1200']),
  })
  // The pages of a small task need no further read.
  expect(await snapshotOf(await start({ count: 4 }))).toEqual({
    ...shown,
    progress: { totalItems: 4, failedItems: 1 },
    failed: toItems(['k3']),
  })
  const tooMany =
    'subscription ($id: ID!) { taskProgress(taskId: $id) { ... on TaskSnapshot { task { items(first: 501) { key } } } } }'
  await expect(api.watch(tooMany, { id }).next()).rejects.toThrow('`first` is 501; allowed: 0 to 500')
  gate.resolve()
})
