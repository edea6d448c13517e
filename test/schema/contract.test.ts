import { readFile } from 'node:fs/promises'
import {
  buildSchema,
  type GraphQLAbstractType,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  isUnionType,
  parse,
  validate,
} from 'graphql'
import { describe, expect, it } from 'vitest'
import { printApi, schema } from '../../schema/studio/index.ts'

const read = (name: string): Promise<string> => readFile(new URL(name, import.meta.url), 'utf8')
/**
 * Parts of the contract that are not built yet, as `Type`, `Type.field` or `Type.field(argument)`,
 * with where they are planned. An entry that has been built fails the test that checks this list.
 */
const notBuilt: Readonly<Record<string, string>> = {}
/**
 * The contract names `TaskResult` and the connections in comments and leaves their fields to the
 * implementation.
 */
const leftToUs = `
  union TaskResult = PlaceholderResult
  type PlaceholderResult { ok: Boolean }
  type TaskConnection { edges: [TaskEdge!]! }
  type TaskEdge { cursor: String! node: Task! }
  type TaskEventConnection { edges: [TaskEventEdge!]! }
  type TaskEventEdge { cursor: String! node: TaskEvent! }
  type RoadmapConnection { edges: [RoadmapEdge!]! }
  type RoadmapEdge { cursor: String! node: Roadmap! }
`
const contract = buildSchema((await read('contract.graphql')) + leftToUs)

/** @param name - `Type.field`; its arguments that are not built yet are left out */
const signature = (name: string, field: GraphQLField<unknown, unknown>): string =>
  `${field.args
    .filter((arg) => !(`${name}(${arg.name})` in notBuilt))
    .map(
      (arg) =>
        `${arg.name}: ${String(arg.type)}${arg.defaultValue === undefined ? '' : ` = ${JSON.stringify(arg.defaultValue)}`}`,
    )
    .sort()
    .join(', ')} → ${String(field.type)}`

function expectFields(
  theirs: GraphQLObjectType | GraphQLInterfaceType,
  ours: GraphQLObjectType | GraphQLInterfaceType,
): void {
  for (const [name, field] of Object.entries(theirs.getFields())) {
    const path = `${theirs.name}.${name}`
    if (path in notBuilt) continue
    const own = ours.getFields()[name]
    expect(own, path).toBeDefined()
    if (own !== undefined) expect(signature(path, own), path).toBe(signature(path, field))
  }
}

/**
 * Returns pairs of fields of the possible types of a union or interface that have the same name and
 * conflicting types: a selection of both without an alias is invalid
 * (https://spec.graphql.org/October2021/#SameResponseShape()).
 */
function clashesWithin(type: GraphQLAbstractType, within: GraphQLSchema = schema): string[] {
  const clashes = new Set<string>()
  const seen = new Set<string>()
  const compare = (one: GraphQLObjectType, other: GraphQLObjectType): void => {
    if (one === other || seen.has(`${one.name} ${other.name}`)) return
    seen.add(`${one.name} ${other.name}`)
    for (const [name, field] of Object.entries(one.getFields())) {
      const same = other.getFields()[name]
      if (same === undefined) continue
      const [type, otherType] = [getNamedType(field.type), getNamedType(same.type)]
      const [shape, otherShape] = [shapeOf(field.type), shapeOf(same.type)]
      if (shape !== otherShape)
        clashes.add(`${one.name}.${name}: ${String(field.type)} and ${other.name}.${name}: ${String(same.type)}`)
      else if (type !== otherType && isCompositeType(type) && isCompositeType(otherType))
        for (const a of objectsOf(type)) for (const b of objectsOf(otherType)) compare(a, b)
    }
  }
  const objectsOf = (composite: GraphQLNamedType): readonly GraphQLObjectType[] =>
    isAbstractType(composite) ? within.getPossibleTypes(composite) : isObjectType(composite) ? [composite] : []
  const members = within.getPossibleTypes(type)
  for (const [index, one] of members.entries()) for (const other of members.slice(index + 1)) compare(one, other)
  return [...clashes]
}

/**
 * Returns a type without the name of its composite type; the fields of that are compared instead.
 */
function shapeOf(type: GraphQLOutputType): string {
  const named = getNamedType(type)
  return isCompositeType(named) ? String(type).replace(named.name, '') : String(type)
}

const types = Object.values(contract.getTypeMap()).filter(
  (type) =>
    !type.name.startsWith('__') &&
    type.name !== 'PlaceholderResult' &&
    !isSpecifiedScalarType(type) &&
    !(type.name in notBuilt),
)
const own = (name: string): GraphQLNamedType | undefined => schema.getType(name)

describe('the schema and the contract', () => {
  it.each(types.map((type) => [type.name, type] as const))('has all of %s', (name, theirs) => {
    const ours = own(name)
    expect(ours, name).toBeDefined()
    expect(ours?.astNode?.kind ?? ours?.constructor.name).toBe(theirs.constructor.name)
    if (isObjectType(theirs) || isInterfaceType(theirs)) {
      const implemented = (ours as GraphQLObjectType).getInterfaces().map((one) => one.name)
      expect(implemented).toEqual(expect.arrayContaining(theirs.getInterfaces().map((one) => one.name)))
      expectFields(theirs, ours as GraphQLObjectType)
    }
    if (isEnumType(theirs))
      expect((ours as GraphQLEnumType).getValues().map((value) => value.name)).toEqual(
        expect.arrayContaining(theirs.getValues().map((value) => value.name)),
      )
    if (isUnionType(theirs) && name !== 'TaskResult' && isUnionType(ours))
      expect(ours.getTypes().map((one) => one.name)).toEqual(
        expect.arrayContaining(theirs.getTypes().map((one) => one.name)),
      )
    if (isInputObjectType(theirs))
      for (const [field, { type }] of Object.entries(theirs.getFields()))
        expect(String((ours as GraphQLInputObjectType).getFields()[field]?.type), `${name}.${field}`).toBe(String(type))
  })

  it.each(Object.entries(notBuilt))('still lacks %s (%s)', (path) => {
    const [, typeName = '', fieldName, argName] = /^(\w+)(?:\.(\w+)(?:\((\w+)\))?)?$/.exec(path) ?? []
    const type = schema.getType(typeName)
    const field = fieldName !== undefined && isObjectType(type) ? type.getFields()[fieldName] : undefined
    const found =
      fieldName === undefined ? type : argName === undefined ? field : field?.args.find(({ name }) => name === argName)
    expect(found, `${path} is built: remove it from the list`).toBeUndefined()
  })

  it('has no two types of one union or interface with conflicting fields of one name', () => {
    const clashes = Object.values(schema.getTypeMap()).flatMap((type) =>
      isAbstractType(type) && type.name !== 'Node' && !type.name.startsWith('__') ? clashesWithin(type) : [],
    )
    expect(clashes).toEqual([])
  })

  it.each([
    `mutation ($input: RetryContentInput!) { retryContent(input: $input) {
      ... on RetryContentSuccess { task { id } } ... on ConflictError { runningTask { id } } ... on Error { message } } }`,
    `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
      ... on SendMessageSuccess { sessionMessage { id } } ... on Error { message } } }`,
    `subscription ($id: ID!) { taskProgress(taskId: $id) {
      ... on TaskQueued { queue { position } } ... on TaskQueueMoved { queue { position } }
      ... on TaskSnapshot { reason } ... on TaskCanceled { cancelReason } } }`,
  ])('accepts the natural selection %s', (selection) => {
    expect(validate(schema, parse(selection))).toEqual([])
  })

  it('detects a conflict of nullability, also below a field of another object type', () => {
    const other = buildSchema(`
      union U = A | B
      type A { x: Int y: P }
      type B { x: Int! y: Q }
      type P { z: String }
      type Q { z: [String] }
      type Query { u: U }
    `)
    expect(clashesWithin(other.getType('U') as GraphQLAbstractType, other)).toEqual([
      'A.x: Int and B.x: Int!',
      'P.z: String and Q.z: [String]',
    ])
  })

  it('takes a single argument, `input`, in every mutation with arguments', () => {
    const fields = Object.values(schema.getMutationType()?.getFields() ?? {}).filter(({ args }) => args.length > 0)
    expect(fields.length).toBeGreaterThan(30)
    for (const { name, args } of fields)
      expect(args.map((arg) => `${arg.name}: ${String(arg.type)}`)).toEqual([
        `input: ${name.charAt(0).toUpperCase()}${name.slice(1)}Input!`,
      ])
  })

  it('marks every input of which exactly one field is set, and names the specification of each general scalar', () => {
    for (const type of Object.values(schema.getTypeMap())) {
      if (isInputObjectType(type))
        expect(type.isOneOf, type.name).toBe(type.description?.toLowerCase().includes('exactly one of') ?? false)
      if (isScalarType(type) && ['DateTime', 'JSON', 'Upload'].includes(type.name))
        expect(type.specifiedByURL, type.name).toMatch(/^https:/)
    }
  })

  it('documents every type, field, argument and value', () => {
    const bare: string[] = []
    for (const type of Object.values(schema.getTypeMap())) {
      if (type.name.startsWith('__') || isSpecifiedScalarType(type)) continue
      if (!type.description) bare.push(type.name)
      if (isEnumType(type))
        for (const value of type.getValues()) if (!value.description) bare.push(`${type.name}.${value.name}`)
      if (isInputObjectType(type))
        for (const field of Object.values(type.getFields()))
          if (!field.description) bare.push(`${type.name}.${field.name}`)
      if (!isObjectType(type) && !isInterfaceType(type)) continue
      for (const field of Object.values(type.getFields())) {
        if (!field.description) bare.push(`${type.name}.${field.name}`)
        for (const arg of field.args) if (!arg.description) bare.push(`${type.name}.${field.name}(${arg.name})`)
      }
    }
    expect(bare).toEqual([])
  })

  it('is checked in unchanged', async () => {
    expect(await read('../../schema/schema.graphql'), 'run `npm run schema`').toBe(printApi())
  })
})
