import { readFileSync } from 'node:fs'
import { gql, stringifyDocument } from '@urql/core'
import { buildSchema, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { studioPlugins } from '../../../client/apps/plugins.ts'
import { addIdempotencyKeys, joinIdempotent } from '../../../client/outbox/idempotency.ts'

const idempotent = joinIdempotent(studioPlugins)

const schema = buildSchema(readFileSync(new URL('../../../schema/schema.graphql', import.meta.url), 'utf8'))
const add = (text: string, variables: Record<string, unknown> = {}) => {
  let count = 0
  const keyed = addIdempotencyKeys(gql(text) as never, variables, { ...idempotent, createKey: () => `key-${++count}` })
  expect(validate(schema, parse(stringifyDocument(keyed.query)))).toEqual([])
  return keyed
}

test('fills a key into an input that takes one, and keeps an existing one', () => {
  const text = 'mutation ($input: RetryContentInput!) { retryContent(input: $input) { __typename } }'
  expect(add(text, { input: { conceptId: 'c', piece: 'QUIZ' } })).toMatchObject({
    field: 'retryContent',
    isRepeatable: true,
    variables: { input: { conceptId: 'c', piece: 'QUIZ', idempotencyKey: 'key-1' } },
  })
  expect(add(text, { input: { idempotencyKey: 'mine' } }).variables).toEqual({ input: { idempotencyKey: 'mine' } })
})

test('fills a variable that is declared for a key', () => {
  const text =
    'mutation ($id: ID!, $k: String) { retryTask(input: { taskId: $id, idempotencyKey: $k }) { __typename } }'
  expect(add(text, { id: 't' })).toMatchObject({ isRepeatable: true, variables: { id: 't', k: 'key-1' } })
})

test('adds the argument to a document that omits it', () => {
  const { query, variables, isRepeatable } = add(
    'mutation Again($id: ID!) { again: retryTask(input: { taskId: $id }) { __typename } }',
    { id: 't' },
  )
  expect(isRepeatable).toBe(true)
  expect(variables).toEqual({ id: 't', idempotencyKey0: 'key-1' })
  expect(stringifyDocument(query)).toContain('retryTask(input: {taskId: $id, idempotencyKey: $idempotencyKey0})')
})

test('writes a key into an input that is written in the document, and keeps an existing one', () => {
  const { query, variables, isRepeatable } = add(
    'mutation ($text: String!) { importDocument(input: { source: { text: $text }, name: "a.md" }) { __typename } }',
    { text: '# A' },
  )
  expect(isRepeatable).toBe(true)
  expect(variables).toEqual({ text: '# A', idempotencyKey0: 'key-1' })
  expect(stringifyDocument(query)).toContain('idempotencyKey: $idempotencyKey0')
  const own =
    'mutation { importDocument(input: { source: { text: "# A" }, name: "a.md", idempotencyKey: "mine" }) { __typename } }'
  expect(add(own)).toMatchObject({ isRepeatable: true, variables: {} })
  const open =
    'mutation ($k: String) { importDocument(input: { source: { text: "# A" }, name: "a.md", idempotencyKey: $k }) { __typename } }'
  expect(add(open)).toMatchObject({ isRepeatable: true, variables: { k: 'key-1' } })
})

test('treats a mutation with an explicit null key as not repeatable', () => {
  const text = 'mutation ($id: ID!) { retryTask(input: { taskId: $id, idempotencyKey: null }) { __typename } }'
  expect(add(text, { id: 't' })).toMatchObject({ isRepeatable: false, variables: { id: 't' } })
})

test('treats canceling as repeatable without a key', () => {
  const text = 'mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }'
  expect(add(text, { id: 't' })).toMatchObject({ isRepeatable: true, variables: { id: 't' } })
})

test('treats a mutation as not repeatable when one of its fields has no key', () => {
  const text = 'mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } somethingElse }'
  expect(
    addIdempotencyKeys(gql(text) as never, { id: 't' }, { ...idempotent, createKey: () => 'key' }).isRepeatable,
  ).toBe(false)
})
