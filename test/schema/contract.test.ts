import { readFile } from 'node:fs/promises'
import {
  buildSchema,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
} from 'graphql'
import { describe, expect, it } from 'vitest'
import { printApi, schema } from '../../schema/index.ts'
import { passingEvents } from '../../src/protocol.ts'

const read = (name: string): Promise<string> => readFile(new URL(name, import.meta.url), 'utf8')
/** The contract names `TaskResult` and the connections in comments and leaves their fields to the implementation. */
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

const signature = (field: GraphQLField<unknown, unknown>): string =>
  `${field.args
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
    const own = ours.getFields()[name]
    expect(own, `${theirs.name}.${name}`).toBeDefined()
    if (own !== undefined) expect(signature(own), `${theirs.name}.${name}`).toBe(signature(field))
  }
}

const types = Object.values(contract.getTypeMap()).filter(
  (type) => !type.name.startsWith('__') && type.name !== 'PlaceholderResult' && !isSpecifiedScalarType(type),
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

  it('has no snapshot that a client would take for an event it has seen', () => {
    const snapshots = Object.values(schema.getTypeMap()).filter(
      (type) => isObjectType(type) && String(type.getFields()['reason']?.type) === 'SnapshotReason!',
    )
    expect(snapshots.length).toBeGreaterThan(3)
    expect(passingEvents).toEqual(expect.arrayContaining(snapshots.map(({ name }) => name)))
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

  it('is checked in as it is', async () => {
    expect(await read('../../schema/schema.graphql'), 'run `npm run schema`').toBe(printApi())
  })
})
