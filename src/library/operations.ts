import {
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isListType,
  isRequiredInputField,
} from 'graphql'
import { selectAll } from './selection.ts'
import { findStartFields, type StartField } from './start-fields.ts'
import { findTopicFields } from './topic-fields.ts'

/** An operation with values for its variables as JSON. */
export interface PreparedOperation {
  readonly query: string
  readonly variables: string
}

/**
 * Writes the operations of a schema with which tasks are started and watched: GraphiQL offers them.
 *
 * @param schema - with the types of the kinds
 * @returns the mutation of each kind, with values for the required fields of its input, the subscription to a task with all results
 * and details of errors, and the subscription to each kind of topic with all its events
 */
export function writeOperations(schema: GraphQLSchema): readonly PreparedOperation[] {
  const updates = findTopicFields(schema).map(({ document }) => ({
    query: document,
    variables: JSON.stringify({ id: '' }, null, 2),
  }))
  return [...findStartFields(schema).map(writeStart), writeWatch(schema), ...updates]
}

function writeStart({ name, inputType, success, failures }: StartField): PreparedOperation {
  const selections = failures.map((failure) => {
    const issues = 'issues' in failure.getFields() ? ' issues { path message }' : ''
    return `    ... on ${failure.name} { message${issues} }`
  })
  const query = `mutation ${name.charAt(0).toUpperCase()}${name.slice(1)}($input: ${String(inputType)}) {
  ${name}(input: $input) {
    __typename
    ... on ${success.name} { task { id status } }
${selections.join('\n')}
  }
}
`
  return { query, variables: JSON.stringify({ input: sampleOf(inputType) }, null, 2) }
}

/** The type of the events of a task. */
const eventType = 'TaskEvent'

/** In the schema of a team, the names of types and of the field may have a prefix. */
function writeWatch(schema: GraphQLSchema): PreparedOperation {
  const fields = Object.values(schema.getSubscriptionType()?.getFields() ?? {})
  const field = fields.find(({ type }) => getNamedType(type).name.endsWith(eventType))
  const prefix = field === undefined ? '' : getNamedType(field.type).name.slice(0, -eventType.length)
  const result = schema.getType(`${prefix}TaskResult`)
  const details = schema.getType(`${prefix}TaskErrorDetails`)
  const select = (field: string, type: typeof result): string =>
    isAbstractType(type) ? ` ${field} ${selectAll(type, schema).text}` : ''
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
