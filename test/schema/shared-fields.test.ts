import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  getNamedType,
  isAbstractType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../../schema/index.ts'
import { readSharedField } from '../../src/live/field.ts'

type Field = GraphQLField<unknown, unknown>

/** Has every property, and gives itself whatever is done with it: so that a resolver comes to its end. */
const anything: unknown = new Proxy(() => undefined, {
  get(_, key) {
    // It is no promise, and has one entry.
    if (key === 'then') return undefined
    if (key === Symbol.toPrimitive) return () => 1
    if (key === Symbol.iterator) return () => [anything][Symbol.iterator]()
    return anything
  },
  apply: () => anything,
})

/** Tries a resolver: whether it asks who the viewer is, and what has kept it from coming to its end. */
async function tryOut({ resolve, args }: Field): Promise<{ readonly isAsking: boolean; readonly error?: unknown }> {
  let isAsking = false
  const context = new Proxy(
    {},
    {
      get(_, key) {
        isAsking ||= key === 'viewer'
        return anything
      },
    },
  )
  const given = args.map((arg) => [arg.name, isRequiredArgument(arg) ? anything : arg.defaultValue])
  try {
    await resolve?.(anything, Object.fromEntries(given), context, anything as GraphQLResolveInfo)
    return { isAsking }
  } catch (error) {
    return { isAsking, error }
  }
}

const root = (type: GraphQLObjectType | null | undefined): Field[] => Object.values(type?.getFields() ?? {})

/** The objects that what is told of some fields may consist of. */
function objectsBelow(fields: readonly Field[]): ReadonlySet<GraphQLObjectType> {
  const found = new Set<GraphQLObjectType>()
  const add = (type: GraphQLNamedType): void => {
    if (isAbstractType(type)) for (const one of schema.getPossibleTypes(type)) add(one)
    if (!isObjectType(type) || found.has(type)) return
    found.add(type)
    for (const field of Object.values(type.getFields())) add(getNamedType(field.type))
  }
  for (const field of fields) add(getNamedType(field.type))
  return found
}

test('no field of what is executed once for all asks for the viewer, but those that are known to', async () => {
  const shared = root(schema.getSubscriptionType()).filter((field) => readSharedField(field) !== null)
  expect(shared.map(({ name }) => name)).toContain('taskProgress')
  const asking: string[] = []
  for (const type of objectsBelow(shared))
    for (const field of Object.values(type.getFields())) {
      const name = `${type.name}.${field.name}`
      const { isAsking, error } = await tryOut(field)
      if (isAsking) asking.push(name)
      // What is not tried to its end says nothing.
      expect(error, name).toBeUndefined()
    }
  // Below an event it fails, except for those who poll.
  expect(asking).toEqual(['Document.quizzes'])
})

test('a field that asks for the viewer is found out: all queries do', async () => {
  for (const field of root(schema.getQueryType()))
    expect(await tryOut(field), field.name).toMatchObject({ isAsking: true })
})
