import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import {
  buildSchema,
  type ExecutionResult,
  execute,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  getVariableValues,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  NoUnusedVariablesRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import { compileExecution } from '../../src/live/execute/compile.ts'
import { utf16String } from '../support/utf16-string.ts'

const schema = makeSchema()

/**
 * Creates a schema covering all cases that executions can meet, resolved from plain values, some of
 * which are invalid in every possible way.
 */
function makeSchema(): GraphQLSchema {
  const built = buildSchema(`
    scalar Any
    enum Color { RED GREEN }
    interface Thing { id: ID! name: String color: Color }
    type Book implements Thing { id: ID! name: String color: Color pages: Int! parts: [Thing] tags: [String!]! upper(prefix: String = "p"): String late: String sum(a: Int!, b: Int = 2): Int! }
    type Film implements Thing { id: ID! name: String color: Color minutes: Float any: Any next: Thing! flags: [[Boolean]] }
    union Both = Book | Film
    type Query { thing: Thing }
    type Subscription { thing(id: ID): Thing! both: Both }
  `)
  const thing = built.getType('Thing')
  const both = built.getType('Both')
  for (const abstract of [thing, both])
    if (isAbstractType(abstract)) abstract.resolveType = (value: { readonly kind: string }) => value.kind
  const book = built.getType('Book') as GraphQLObjectType
  const upper = book.getFields()['upper']
  if (upper !== undefined)
    upper.resolve = (source: { name?: string | null }, { prefix }: { prefix?: string | null }) =>
      source.name === undefined ? undefined : `${prefix}:${source.name}`.toUpperCase()
  const sum = book.getFields()['sum']
  if (sum !== undefined) sum.resolve = (_, { a, b }: { a: number; b?: number | null }) => a + (b ?? 0)
  const late = book.getFields()['late']
  if (late !== undefined)
    late.resolve = ({ name }: { name?: string | null }) => {
      if (name === 'late') return Promise.resolve('here')
      if (name === 'broken') throw new Error('broken')
      return null
    }
  return built
}

const value = fc.letrec<{ thing: unknown; book: unknown; film: unknown }>((tie) => ({
  thing: fc.oneof({ maxDepth: 3, withCrossShrink: true }, tie('book'), tie('film')),
  book: fc.record({
    kind: fc.constant('Book'),
    id: fc.oneof(fc.string(), fc.integer()),
    name: fc.oneof(utf16String(), fc.constantFrom(null, undefined, 'late', 'broken', 7, {})),
    color: fc.constantFrom('RED', 'GREEN', null, 'PINK'),
    pages: fc.oneof(
      { arbitrary: fc.integer(), weight: 20 },
      { arbitrary: fc.constantFrom(null, 1.5, 2 ** 40), weight: 1 },
    ),
    parts: fc.oneof(fc.array(fc.option(tie('thing'), { depthIdentifier: 'x' }), { maxLength: 3 }), fc.constant(null)),
    tags: fc.oneof(
      { arbitrary: fc.array(fc.string()), weight: 9 },
      { arbitrary: fc.constantFrom([null], 'no list'), weight: 1 },
    ),
  }),
  film: fc.record({
    kind: fc.constantFrom('Film', 'Film', 'Film', 'Film', 'Nothing'),
    id: fc.string({ minLength: 1 }),
    name: fc.option(fc.string()),
    color: fc.constantFrom('RED', null),
    minutes: fc.oneof(fc.double(), fc.integer(), fc.constant(-0), fc.constant(null)),
    any: fc.jsonValue(),
    next: fc.oneof({ maxDepth: 2 }, fc.constant({ kind: 'Book', id: 'b', pages: 1, tags: [] }), tie('thing')),
    flags: fc.array(fc.array(fc.option(fc.boolean()))),
  }),
}))

const directive = fc.constantFrom(
  '',
  '',
  '',
  ' @skip(if: $yes)',
  ' @include(if: $yes)',
  ' @include(if: $no)',
  ' @skip(if: false)',
)

/**
 * Generates a selection on a type: aliases, arguments, directives, inline fragments and spreads.
 */
function selection(type: GraphQLNamedType, depth: number): fc.Arbitrary<string> {
  const parts: fc.Arbitrary<string>[] = [fc.constant('__typename'), fc.constant('t: __typename')]
  if (isObjectType(type) || isInterfaceType(type))
    for (const [name, field] of Object.entries(type.getFields())) {
      const alias = fc.constantFrom('', `z_${type.name}_${name}: `)
      const args: Readonly<Record<string, readonly string[]>> = {
        upper: ['', '(prefix: $text)', '(prefix: null)'],
        sum: ['(a: 1)', '(a: $number, b: $number)'],
      }
      // One set of arguments per response name, so that fields can be merged.
      const given = args[name] ?? ['']
      const call = fc
        .constantFrom(...given)
        .map((text) => ({ text, alias: given.length > 1 ? `a${given.indexOf(text)}_${name}: ` : undefined }))
      const inner = getNamedType(field.type)
      const below = isCompositeType(inner)
        ? depth > 0
          ? selection(inner, depth - 1)
          : fc.constant('__typename')
        : null
      parts.push(
        fc
          .tuple(alias, call, directive, below ?? fc.constant(''))
          .map(
            ([own, { text, alias: forced }, also, set]) =>
              `${forced ?? own}${name}${text}${also}${below === null ? '' : ` { ${set} }`}`,
          ),
      )
    }
  if (depth > 0) {
    const conditions = ['Thing', 'Book', 'Film'].filter((name) =>
      isObjectType(type) ? name === type.name || name === 'Thing' : true,
    )
    for (const condition of conditions) {
      const on = schema.getType(condition)
      if (on !== undefined)
        parts.push(
          fc.tuple(directive, selection(on, depth - 1)).map(([also, set]) => `... on ${condition}${also} { ${set} }`),
        )
    }
    parts.push(directive.map((also) => `...Shared${also}`))
  }
  return fc.array(fc.oneof(...parts), { minLength: 1, maxLength: 5 }).map((all) => all.join(' '))
}

const thingType = schema.getType('Thing')
const documents = fc
  .tuple(
    fc.constantFrom('thing', 'both'),
    thingType === undefined ? fc.constant('id') : selection(thingType, 2),
    fc.boolean(),
  )
  .map(
    ([
      field,
      set,
      isAliased,
    ]) => `subscription ($yes: Boolean!, $no: Boolean = false, $text: String = "t", $number: Int = 4) {
      ${isAliased ? 'root: ' : ''}${field} { ... on Thing { ${set} } ...Shared }
    }
    fragment Shared on Thing { id ... on Book { pages tags } ... on Film { minutes any flags } color @include(if: $yes) other: color @skip(if: $no) number: name }`,
  )

const run = (text: string, rootValue: unknown, variables: Record<string, unknown>) => {
  const document = parse(text)
  const operation = getOperationAST(document)
  const root = schema.getSubscriptionType()
  if (!operation || !root) throw new Error('There is no operation')
  const { coerced, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables)
  if (coerced === undefined) throw errors?.[0] ?? new GraphQLError('variables')
  const fragments: Record<string, FragmentDefinitionNode> = {}
  for (const one of document.definitions) if (one.kind === Kind.FRAGMENT_DEFINITION) fragments[one.name.value] = one
  const expected = execute({ schema, document, rootValue, variableValues: variables, contextValue: {} })
  const compiled = compileExecution({ schema, fragments, variables: coerced }, operation, root)
  return { expected, compiled: () => compiled(rootValue, {}), document }
}

/** Unused variables do not affect execution. */
const rules = specifiedRules.filter((rule) => rule !== NoUnusedVariablesRule)

describe('compiled execution', () => {
  test('writes the same result as graphql-js or falls back to graphql-js', async () => {
    let plain = 0
    let all = 0
    await fc.assert(
      fc.asyncProperty(
        documents,
        value.thing,
        fc.record({
          yes: fc.boolean(),
          text: fc.option(fc.string(), { nil: undefined }),
          number: fc.option(fc.nat(9), { nil: undefined }),
        }),
        async (text, thing, variables) => {
          fc.pre(validate(schema, parse(text), rules).length === 0)
          const given = JSON.parse(JSON.stringify(variables)) as Record<string, unknown>
          const { expected, compiled } = run(text, { thing, both: thing }, given)
          const written = compiled()
          all++
          if (written === null) return
          plain++
          const result: ExecutionResult = await expected
          expect(written).toBe(JSON.stringify(result))
        },
      ),
      { numRuns: 400 },
    )
    // The test would prove nothing if most documents fell back to graphql-js.
    expect(plain / all).toBeGreaterThan(0.3)
  })

  test.each([
    ['a promise', 'subscription { thing { ... on Book { late } } }', { kind: 'Book', name: 'late' }],
    ['a failure', 'subscription { thing { ... on Book { late } } }', { kind: 'Book', name: 'broken' }],
    ['a null where none may be', 'subscription { thing { ... on Book { pages } } }', { kind: 'Book', pages: null }],
    [
      'a value that cannot be serialised',
      'subscription { thing { ... on Book { pages } } }',
      { kind: 'Book', pages: 'many' },
    ],
    ['a type that does not exist', 'subscription { thing { id } }', { kind: 'Nothing' }],
  ])('falls back to graphql-js for %s', (_, text, thing) => {
    expect(run(text, { thing }, {}).compiled()).toBeNull()
  })

  test.each([
    ['a list', '... on Book { tags }', { kind: 'Book', tags: () => Promise.reject(new Error('away')) }],
    [
      'items of a list',
      '... on Book { tags }',
      { kind: 'Book', tags: () => [1, 2].map(() => Promise.reject(new Error('away'))) },
    ],
    ['a value', 'name', { kind: 'Book', name: () => Promise.reject(new Error('away')) }],
    ['an object', '... on Film { next { id } }', { kind: 'Film', next: () => Promise.reject(new Error('away')) }],
  ])('a rejected promise of %s falls back to graphql-js and fails there only', async (_, selection, thing) => {
    const unhandled: unknown[] = []
    const heed = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', heed)
    try {
      const { expected, compiled } = run(`subscription { thing { ${selection} } }`, { thing }, {})
      expect(compiled()).toBeNull()
      expect((await expected).errors).toBeDefined()
      // Unhandled rejections are reported before this point.
      await setImmediate()
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', heed)
    }
  })

  test('falls back to graphql-js for a root field that reads its arguments, as they differ by topic', () => {
    const fields = schema.getSubscriptionType()?.getFields()
    const field = fields?.['thing']
    if (field === undefined) throw new Error('There is no such field')
    field.resolve = (_source, { id }: { id?: string }) => ({ kind: 'Book', id })
    try {
      expect(run('subscription { thing(id: "1") { id } }', {}, {}).compiled()).toBeNull()
    } finally {
      delete field.resolve
    }
  })
})
