import {
  type ExecutionResult,
  execute,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLNullableType,
  getNamedType,
  getNullableType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isUnionType,
  parse,
} from 'graphql'
import type { Services } from '../../schema/kit/services.ts'
import { createContext, schema } from '../../schema/studio/index.ts'
import { parseConfig } from '../../src/config.ts'
import type { Live } from '../../src/live/live.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLiveDelivery } from '../../src/main/app.ts'
import type { Viewer } from '../../src/tasks/model/viewer.ts'

export type Field = GraphQLField<unknown, unknown>

/** The root types, with the fields that can be queried. */
export const operations = {
  query: schema.getQueryType(),
  mutation: schema.getMutationType(),
  subscription: schema.getSubscriptionType(),
}
type Operation = keyof typeof operations

/** The parameters of the queries. */
export interface Asking {
  readonly services: Services
  readonly viewer: Viewer
  /**
   * Values by the names of scalar types. A scalar without a value is omitted and must not be
   * required.
   */
  readonly values: Readonly<Record<string, unknown>>
  /** Whether optional arguments and fields are set as well. */
  readonly isAllGiven: boolean
}

/**
 * Queries every field in the smallest way, serially.
 * @returns the results by `Query.task` and the like
 */
export async function askForEvery(asking: Asking): Promise<ReadonlyMap<string, ExecutionResult>> {
  const answers = new Map<string, ExecutionResult>()
  const live = createLiveDelivery(asking.services, parseConfig({ NODE_ENV: 'test' }), silentLogger)
  for (const [operation, type] of Object.entries(operations) as [Operation, (typeof operations)[Operation]][])
    for (const field of Object.values(type?.getFields() ?? {}))
      answers.set(`${type?.name ?? ''}.${field.name}`, await ask(operation, field, asking, live))
  return answers
}

async function ask(operation: Operation, field: Field, asking: Asking, live: Live): Promise<ExecutionResult> {
  const variableValues = exampleOfAll(field.args, asking)
  const given = field.args.filter(({ name }) => name in variableValues)
  const variables = given.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ')
  const args = given.map(({ name }) => `${name}: $${name}`).join(', ')
  const selection = selectionOf(getNamedType(field.type))
  const request = {
    schema,
    document: parse(
      `${operation} ${variables && `(${variables})`} { ${field.name} ${args && `(${args})`} ${selection} }`,
    ),
    variableValues,
    contextValue: createContext(asking.services, asking.viewer, { catchUp: true }),
  }
  if (operation !== 'subscription') return execute(request)
  const result = await live.subscribe(request)
  if (!(Symbol.asyncIterator in result)) return result
  const results = result[Symbol.asyncIterator]()
  try {
    const first = await results.next()
    return first.done === true ? {} : first.value
  } catch (error) {
    return { errors: [error as NonNullable<ExecutionResult['errors']>[number]] }
  } finally {
    await results.return?.()
  }
}

/**
 * Returns the smallest selection of a type, with the paths of the issues where it may be an
 * `InvalidInputError`.
 */
function selectionOf(type: GraphQLNamedType): string {
  if (!isCompositeType(type)) return ''
  const mayBeInvalid = isUnionType(type) && type.getTypes().some(({ name }) => name === 'InvalidInputError')
  return mayBeInvalid ? '{ __typename ... on InvalidInputError { issues { path } } }' : '{ __typename }'
}

/**
 * Whether the path of an issue, such as `input.files.0.path`, leads to a field of the input of a
 * mutation.
 */
export function isInputPath({ args }: Field, path: string): boolean {
  const [first, ...names] = path.split('.')
  let type = args.find(({ name }) => name === first)?.type
  for (const name of names) {
    const nullable: GraphQLNullableType | undefined = type === undefined ? undefined : getNullableType(type)
    if (isListType(nullable)) type = /^\d+$/.test(name) ? (nullable.ofType as GraphQLInputType) : undefined
    else type = isInputObjectType(nullable) ? nullable.getFields()[name]?.type : undefined
  }
  return type !== undefined
}

function exampleOfAll(
  inputs: readonly { readonly name: string; readonly type: GraphQLInputType }[],
  asking: Asking,
): Record<string, unknown> {
  const examples: Record<string, unknown> = {}
  for (const { name, type } of inputs) {
    if (!asking.isAllGiven && !isNonNullType(type)) continue
    const example = exampleOf(type, asking)
    if (example !== undefined) examples[name] = example
    else if (isNonNullType(type)) throw new Error(`Say which ${String(type)} to send`)
  }
  return examples
}

/** Returns a valid value of the type. */
function exampleOf(type: GraphQLInputType, asking: Asking): unknown {
  if (isNonNullType(type)) return exampleOf(type.ofType, asking)
  if (isListType(type)) return [exampleOf(type.ofType, asking)]
  if (isEnumType(type)) return type.getValues()[0]?.name
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields())
    if (!type.isOneOf) return exampleOfAll(fields, asking)
    const field = fields.find((one) => exampleOf(one.type, asking) !== undefined)
    return field === undefined ? undefined : { [field.name]: exampleOf(field.type, asking) }
  }
  return asking.values[type.name]
}
