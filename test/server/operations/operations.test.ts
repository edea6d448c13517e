import { buildSchema, getIntrospectionQuery, Kind, visit } from 'graphql'
import { describe, expect, test } from 'vitest'
import { createOperations, type Operations } from '../../../src/server/operations/operations.ts'
import { readExposure } from '../../../src/server/request/exposure.ts'
import { withoutToken } from '../../../src/tasks/model/viewer.ts'
import { heapUsed } from '../../support/heap.ts'
import { testConfig } from '../support.ts'

const schema = buildSchema(/* GraphQL */ `
  type Query { hello: String node: Node listed: String }
  type Mutation { change: String }
  type Node { id: ID! name: String node: Node nodes: [Node!]! }
`)
Object.assign(schema.getQueryType()?.getFields()['listed'] ?? {}, { extensions: withoutToken })

const create = (environment: Readonly<Record<string, string>> = {}): Operations =>
  createOperations(schema, testConfig(environment), readExposure(testConfig(environment)))
const check = (operations: Operations, text: string, isAuthenticated = true): readonly string[] =>
  operations.validate(operations.parse(text), { isAuthenticated }).map(({ message }) => message)

describe('fields that validation compares with each other', () => {
  const operations = create({ MAX_QUERY_FIELDS: '100', MAX_QUERY_FIELDS_PER_NAME: '5' })
  const spreads = Array.from({ length: 6 }, (_, index) => `...F${index}`).join(' ')
  const fragments = Array.from({ length: 6 }, (_, index) => `fragment F${index} on Node { id }`).join(' ')
  test.each([
    ['in one selection set', `{ ${'hello '.repeat(6)} }`, 'hello'],
    ['in fragments', `{ node { ...A ...A } } fragment A on Node { id ... { id } ... on Node { id } }`, 'id'],
    ['of merged parents', '{ node { id id } node { id id } node { id id } }', 'id'],
    ['in a fragment without a use', '{ hello } fragment A on Node { id id id id id id }', 'id'],
  ])('are limited per response name %s', (_what, text, name) => {
    expect(check(operations, text)).toEqual([
      `In one place of this document 6 fields have the response name "${name}"; at most 5 are allowed (MAX_QUERY_FIELDS_PER_NAME)`,
    ])
  })

  test('include fragments, which are compared in pairs too', () => {
    expect(check(operations, `{ node { ${spreads} } } ${fragments}`)[0]).toContain('6 fragments are spread')
  })

  test('do not include the same names in other places', () => {
    const nested = `{ node { id node { id node { id node { id node { id node { id nodes { id } } } } } } } }`
    expect(check(operations, nested)).toEqual([])
  })

  test('are limited per document, counted each time a fragment is spread, in linear time', () => {
    const doubling = Array.from(
      { length: 60 },
      (_, i) => `fragment F${i} on Node { ...F${i + 1} ... { ...F${i + 1} } }`,
    )
    const text = `{ node { ...F0 } } ${doubling.join(' ')} fragment F60 on Node { id }`
    expect(check(operations, text)[0]).toContain('more than 100 fields')
    const many = Array.from({ length: 25 }, (_, index) => `query Q${index} { node { id } hello nodes: node { id } }`)
    expect(check(operations, many.join(' '))[0]).toContain('more than 100 fields')
  })

  test('leave a fragment that spreads itself to the rule for it', () => {
    expect(check(operations, '{ node { ...A } } fragment A on Node { node { ...A } }')).toEqual([
      'Cannot spread fragment "A" within itself.',
    ])
  })
})

describe('directives', () => {
  const operations = create()
  const message = 'Too many directives: at most 5 at one place and 50 in a document'
  const six = '@include(if: true) '.repeat(6)
  test.each([
    ['a field', `{ hello ${six} }`],
    ['a nested field', `{ node { node { id ${six} } } }`],
    ['an inline fragment', `{ node { ... on Node ${six} { id } } }`],
    ['a spread', `{ node { ...A ${six} } } fragment A on Node { id }`],
    ['a fragment', `{ node { ...A } } fragment A on Node ${six} { id }`],
    ['an operation', `query ${six} { hello }`],
    ['a variable', `query ($a: Int ${six}) { hello }`],
  ])('are limited at %s', (_place, text) => {
    expect(check(operations, text)).toEqual([message])
  })

  test('are limited per document', () => {
    const fieldsWithOne = (count: number): string =>
      Array.from({ length: count }, (_, index) => `f${index}: hello @include(if: true)`).join(' ')
    const aliased = create({ MAX_QUERY_ALIASES: '100' })
    expect(check(aliased, `{ ${fieldsWithOne(50)} }`)).toEqual([])
    expect(check(aliased, `{ ${fieldsWithOne(51)} }`)).toEqual([message])
  })
})

test('a definition of a type is one error, whatever it contains', () => {
  const directives = '@a '.repeat(200)
  expect(check(create(), `{ hello } type Other { field(a: Int ${directives}): Int ${directives} }`)).toEqual([
    'The "Other" definition is not executable.',
  ])
})

describe('the cache', () => {
  test('contains no document of an anonymous caller', () => {
    const operations = create()
    expect(check(operations, '{ listed }', false)).toEqual([])
    expect(operations.size).toBe(0)
    for (const isCached of [false, true]) {
      expect(check(operations, '{ listed }')).toEqual([])
      expect([operations.size, operations.isCached('{ listed }')]).toEqual([Number(isCached), isCached])
    }
  })

  test('contains the document of a subscription that was sent once, as all with the same text retain it', () => {
    const operations = create()
    const text = 'subscription { changes }'
    expect(check(operations, text)).toEqual([])
    expect(operations.parse(text)).toBe(operations.parse(text))
  })

  test('contains no other document that was sent once', () => {
    const operations = create()
    const text = (index: number): string => `query Q${index} { hello }`
    for (let index = 0; index < 2_500; index++) expect(check(operations, text(index))).toEqual([])
    expect(operations.size).toBe(0)
    // Only the last texts are known to have been sent before.
    for (const index of [0, 2_499]) check(operations, text(index))
    expect([operations.isCached(text(0)), operations.isCached(text(2_499))]).toEqual([false, true])
  })

  test('is bounded by tokens', () => {
    const operations = create({ MAX_QUERY_ALIASES: '1000' })
    const fields = Array.from({ length: 500 }, (_, index) => `a${index}: hello`).join(' ')
    const text = (index: number): string => `query Q${index} { ${fields} }`
    for (let index = 0; index < 150; index++)
      for (const _time of ['first', 'second']) expect(check(operations, text(index))).toEqual([])
    expect(operations.size).toBeGreaterThan(100)
    expect(operations.size).toBeLessThan(140)
    expect(operations.isCached(text(149))).toBe(true)
  })

  test('takes no more memory than it counts', async () => {
    const operations = create()
    const text = (index: number): string => `query Q${index} { node { ${'id name '.repeat(20)} } }`
    const count = 900
    const fill = (): void => {
      for (let index = 0; index < count; index++)
        for (const _time of ['first', 'second']) expect(check(operations, text(index))).toEqual([])
    }
    const before = await heapUsed()
    fill()
    const bytes = ((await heapUsed()) - before) / count
    expect(operations.size).toBe(count)
    // 47 tokens of 150 bytes, and 2 for each character.
    expect(bytes).toBeLessThan(150 * 47 + 2 * text(100).length)
  })

  test('keeps no source locations and one empty list, and errors have locations', () => {
    const operations = create()
    const document = operations.parse('{ node { id } }')
    expect(operations.validate(document, { isAuthenticated: true })).toEqual([])
    let nodes = 0
    const emptyLists = new Set<unknown>()
    visit(document, {
      enter(node) {
        nodes++
        expect(node).not.toHaveProperty('loc')
        for (const list of Object.values(node)) if (Array.isArray(list) && list.length === 0) emptyLists.add(list)
      },
    })
    expect(nodes).toBeGreaterThan(5)
    expect(emptyLists.size).toBe(1)
    const [error] = operations.validate(operations.parse('{\n  nothing }'), { isAuthenticated: true })
    expect(error?.locations).toEqual([{ line: 2, column: 3 }])
  })
})

describe('without a token', () => {
  const operations = create()
  test.each([
    '{ __typename }',
    '{ listed }',
    '{ ...A } fragment A on Query { listed ... on Query { __typename } }',
    getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, specifiedByUrl: true, oneOf: true }),
  ])('accepts %s', (text) => {
    expect(check(operations, text, false)).toEqual([])
  })

  test.each([
    '{ hello }',
    '{ listed hello }',
    '{ ...A } fragment A on Query { ... { hello } }',
    'mutation { change }',
    'query A { listed } query B { hello }',
  ])('refuses %s before it is validated', (text) => {
    const document = operations.parse(text)
    expect(document.kind).toBe(Kind.DOCUMENT)
    expect(operations.validate(document, { isAuthenticated: false })).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED' } },
    ])
  })
})
