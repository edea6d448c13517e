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
import { schema } from '../../schema/studio/index.ts'
import { type Dependence, readDependence, readTopicField } from '../../src/live/execute/topic-field.ts'

type Field = GraphQLField<unknown, unknown>

/**
 * Has every property, and returns itself from every operation, so that a resolver runs to its end.
 */
const anything: unknown = new Proxy(() => undefined, {
  get(_, key) {
    // It is not a promise, and has one entry.
    if (key === 'then') return undefined
    if (key === Symbol.toPrimitive) return () => 1
    if (key === Symbol.iterator) return () => [anything][Symbol.iterator]()
    return anything
  },
  apply: () => anything,
})

const viewer = { userId: 'u_1', roles: ['admin'], plan: null, taskIds: null, sessionIds: null, expiresAt: null }

/**
 * Tries a resolver: returns its dependence on the viewer, and the error that kept it from running
 * to its end.
 */
async function tryOut({ resolve, args }: Field): Promise<{ readonly on: Dependence | null; readonly error?: unknown }> {
  let on: Dependence | null = null
  const context = new Proxy(
    {},
    {
      get(_, key) {
        if (key === 'viewer') on = 'viewer'
        if (key === 'isLimited') on ??= 'limits'
        return key === 'viewer' ? viewer : key === 'isLimited' ? false : anything
      },
    },
  )
  const given = args.map((arg) => [arg.name, isRequiredArgument(arg) ? anything : arg.defaultValue])
  try {
    await resolve?.(anything, Object.fromEntries(given), context, anything as GraphQLResolveInfo)
    return { on }
  } catch (error) {
    return { on, error }
  }
}

const root = (type: GraphQLObjectType | null | undefined): Field[] => Object.values(type?.getFields() ?? {})

/** Returns the objects that events of some fields may consist of. */
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

test('exactly the fields of shared events that depend on the viewer are declared', async () => {
  const shared = root(schema.getSubscriptionType()).filter((field) => readTopicField(field) !== null)
  expect(shared.map(({ name }) => name)).toContain('taskProgress')
  const found: string[] = []
  const declared: string[] = []
  for (const type of objectsBelow(shared))
    for (const field of Object.values(type.getFields())) {
      const name = `${type.name}.${field.name}`
      const { on, error } = await tryOut(field)
      if (on !== null) found.push(`${name}: ${on}`)
      const dependence = readDependence(field)
      if (dependence !== null) declared.push(`${name}: ${dependence}`)
      // A resolver that does not run to its end shows nothing.
      expect(error, name).toBeUndefined()
    }
  // Operations that select one are not shared.
  expect(found).toEqual(declared)
  expect(declared).toContain('Document.quizzes: viewer')
})

test('a field that reads the viewer is detected: all queries do', async () => {
  for (const field of root(schema.getQueryType()))
    expect(await tryOut(field), field.name).toMatchObject({ on: 'viewer' })
})
