import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredInputField,
  isUnionType,
} from 'graphql'
import type { TaskKind } from './define-task.ts'

/** An operation with values for its variables as JSON. */
export interface PreparedOperation {
  readonly query: string
  readonly variables: string
}

/** The number of levels below a result or the details of an error that are selected. */
const maxDepth = 4

/**
 * Writes the operations of a schema with which tasks are started and watched: GraphiQL offers them.
 *
 * @param schema - with the types of the kinds
 * @returns the mutation of each kind, with values for the required fields of its input, and the subscription to a task with all
 * results and details of errors
 */
export function writeOperations(schema: GraphQLSchema, tasks: readonly TaskKind[]): readonly PreparedOperation[] {
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {})
  const starts = tasks.flatMap((task) => {
    const field = mutations.find(({ extensions }) => extensions['kind'] === task.kind)
    return field === undefined ? [] : [writeStart(field)]
  })
  return [...starts, writeWatch(schema)]
}

/** The type of the events of a task. */
const eventType = 'TaskEvent'

function writeStart({ name, args, type }: GraphQLField<unknown, unknown>): PreparedOperation {
  const [input] = args
  const title = `${name.charAt(0).toUpperCase()}${name.slice(1)}`
  const result = getNamedType(type)
  const [success, ...failures] = isUnionType(result) ? result.getTypes() : []
  const selections = failures.map((failure) => {
    const issues = 'issues' in failure.getFields() ? ' issues { path message }' : ''
    return `    ... on ${failure.name} { message${issues} }`
  })
  const query = `mutation ${title}($input: ${String(input?.type)}) {
  ${name}(input: $input) {
    __typename
    ... on ${success?.name ?? ''} { task { id status } }
${selections.join('\n')}
  }
}
`
  const value = input === undefined ? {} : sampleOf(input.type)
  return { query, variables: JSON.stringify({ input: value ?? {} }, null, 2) }
}

/** In the schema of a team, the names of types and of the field may have a prefix. */
function writeWatch(schema: GraphQLSchema): PreparedOperation {
  const fields = Object.values(schema.getSubscriptionType()?.getFields() ?? {})
  const field = fields.find(({ type }) => getNamedType(type).name.endsWith(eventType))
  const prefix = field === undefined ? '' : getNamedType(field.type).name.slice(0, -eventType.length)
  const result = schema.getType(`${prefix}TaskResult`)
  const details = schema.getType(`${prefix}TaskErrorDetails`)
  const select = (field: string, type: typeof result): string =>
    isAbstractType(type) ? ` ${field} ${selectionOf(type, schema, maxDepth)}` : ''
  const query = `subscription Watch($taskId: ID!, $after: ${prefix}Cursor) {
  ${field?.name ?? 'taskProgress'}(taskId: $taskId, after: $after, fromStart: true) {
    __typename
    cursor
    status
    progress { percent stage message completedItems totalItems remainingMs }
    ... on ${prefix}TaskOutput { stream offset text }
    ... on ${prefix}TaskItemFailed { item { label error { code message } } }
    ... on ${prefix}TaskRetrying { error { code message${select('details', details)} } nextAttemptAt }
    ... on ${prefix}TaskFailed { error { code message advice${select('details', details)} } }
    ... on ${prefix}TaskCompleted { task { id }${select('result', result)} }
  }
}
`
  return { query, variables: JSON.stringify({ taskId: '' }, null, 2) }
}

/** Returns the selection of all fields of a type, such as `{ url pages }`; empty for scalars and enums. */
function selectionOf(type: GraphQLOutputType, schema: GraphQLSchema, depth: number): string {
  const named = getNamedType(type)
  if (isLeafType(named)) return ''
  if (isAbstractType(named)) {
    const members = schema.getPossibleTypes(named)
    const parts = members.map((member) => `... on ${member.name} ${selectionOf(member, schema, depth)}`)
    return `{ __typename ${parts.join(' ')} }`
  }
  if (!isObjectType(named)) return ''
  const fields = Object.values(named.getFields())
    .filter(({ type: inner }) => depth > 1 || isLeafType(getNamedType(inner)))
    .map(({ name, type: inner }) => `${name} ${selectionOf(inner, schema, depth - 1)}`.trim())
  // A type that has only objects, at the end of the levels.
  return `{ ${fields.length === 0 ? '__typename' : fields.join(' ')} }`
}

const samples: Readonly<Record<string, unknown>> = {
  Int: 1,
  Float: 1,
  Boolean: false,
  DateTime: '2030-01-01T00:00:00Z',
  JSON: {},
}

/** Returns a value that an input type accepts: of an input object, only the required fields. */
function sampleOf(type: GraphQLInputType): unknown {
  const nullable = getNullableType(type)
  if (isListType(nullable)) return []
  if (isEnumType(nullable)) return nullable.getValues()[0]?.name
  if (!isInputObjectType(nullable)) return samples[nullable.name] ?? ''
  const fields = Object.values(nullable.getFields())
  const wanted = nullable.isOneOf ? fields.slice(0, 1) : fields.filter(isRequiredInputField)
  return Object.fromEntries(wanted.map(({ name, type: inner }) => [name, sampleOf(inner)]))
}
