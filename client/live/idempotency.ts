import { gql } from '@urql/core'
import type { ArgumentNode, DocumentNode, FieldNode, OperationDefinitionNode, VariableDefinitionNode } from 'graphql'
import { keyedInputs, keyedMutations } from '../gql/keyed.ts'

/** A mutation that may be sent again, if it can be. */
export interface KeyedMutation {
  readonly query: DocumentNode
  readonly variables: Readonly<Record<string, unknown>>
  /** Whether sending it twice has the effect of sending it once. */
  readonly isRepeatable: boolean
  /** The name of its first field. */
  readonly field: string
}

const argumentName = 'idempotencyKey'
/** Mutations that have the same effect when they are sent twice, without a key. */
const repeatableMutations: readonly string[] = [
  'cancelTask',
  'markNotificationRead',
  // What they make has a `clientId`, by which the server knows it again.
  'createSession',
  'sendMessage',
  'addContextCard',
  'leaveSession',
  'closeSession',
  'removeParticipant',
]

/**
 * Fills in an idempotency key wherever a field of the mutation takes one and has none: in the input object, or as an
 * argument, which is added to the document where it is missing.
 *
 * @param createKey - makes a key that nobody else makes
 */
export function addIdempotencyKeys(
  query: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
  createKey: () => string,
): KeyedMutation {
  const operation = query.definitions.find((definition) => definition.kind === 'OperationDefinition')
  const fields = operation?.selectionSet.selections.filter((selection) => selection.kind === 'Field') ?? []
  const name = fields[0]?.name.value ?? 'mutation'
  if (operation === undefined || fields.length !== operation.selectionSet.selections.length)
    return { query, variables, isRepeatable: false, field: name }

  const filled: Record<string, unknown> = { ...variables }
  const added: {
    readonly field: FieldNode
    readonly argument: ArgumentNode
    readonly definition: VariableDefinitionNode
  }[] = []
  let isRepeatable = true
  for (const field of fields) {
    if (repeatableMutations.includes(field.name.value)) continue
    const given = field.arguments?.find(({ name: { value } }) => value === argumentName)
    if (given !== undefined) {
      // A key that is written into the document is the caller's own.
      if (given.value.kind === 'Variable') filled[given.value.name.value] ??= createKey()
    } else if (keyedMutations.includes(field.name.value)) {
      const variable = `${argumentName}${added.length}`
      filled[variable] = createKey()
      added.push({ field, ...makeArgument(variable) })
    } else if (!fillInputs(operation, field, filled, createKey)) isRepeatable = false
  }
  return {
    query: added.length === 0 ? query : extend(query, operation, added),
    variables: filled,
    isRepeatable,
    field: name,
  }
}

/** @returns whether one of the field's arguments is an input with a key */
function fillInputs(
  operation: OperationDefinitionNode,
  field: FieldNode,
  variables: Record<string, unknown>,
  createKey: () => string,
): boolean {
  for (const { value } of field.arguments ?? []) {
    if (value.kind === 'ObjectValue' && value.fields.some(({ name }) => name.value === argumentName)) return true
    if (value.kind !== 'Variable') continue
    const name = value.name.value
    const input = variables[name]
    if (typeof input !== 'object' || input === null || !keyedInputs.includes(typeOf(operation, name))) continue
    variables[name] = { ...input, [argumentName]: (input as Record<string, unknown>)[argumentName] ?? createKey() }
    return true
  }
  return false
}

/** The name of the type that a variable is declared with. */
function typeOf(operation: OperationDefinitionNode, variable: string): string {
  const type = operation.variableDefinitions?.find((definition) => definition.variable.name.value === variable)?.type
  const named = type?.kind === 'NonNullType' ? type.type : type
  return named?.kind === 'NamedType' ? named.name.value : ''
}

/** The nodes of an argument that is given by a variable; parsed, since that makes them whole. */
function makeArgument(variable: string): {
  readonly argument: ArgumentNode
  readonly definition: VariableDefinitionNode
} {
  const document = gql(`mutation ($${variable}: String) { field(${argumentName}: $${variable}) }`) as DocumentNode
  const [operation] = document.definitions
  const field = operation?.kind === 'OperationDefinition' ? operation.selectionSet.selections[0] : undefined
  const argument = field?.kind === 'Field' ? field.arguments?.[0] : undefined
  const definition = operation?.kind === 'OperationDefinition' ? operation.variableDefinitions?.[0] : undefined
  if (argument === undefined || definition === undefined)
    throw new TypeError(`"${variable}" is not the name of a variable`)
  return { argument, definition }
}

function extend(
  query: DocumentNode,
  operation: OperationDefinitionNode,
  added: readonly {
    readonly field: FieldNode
    readonly argument: ArgumentNode
    readonly definition: VariableDefinitionNode
  }[],
): DocumentNode {
  const selections = operation.selectionSet.selections.map((selection) => {
    const found = added.find(({ field }) => field === selection)
    return found === undefined || selection.kind !== 'Field'
      ? selection
      : { ...selection, arguments: [...(selection.arguments ?? []), found.argument] }
  })
  const extended: OperationDefinitionNode = {
    ...operation,
    variableDefinitions: [...(operation.variableDefinitions ?? []), ...added.map(({ definition }) => definition)],
    selectionSet: { ...operation.selectionSet, selections },
  }
  return {
    kind: query.kind,
    definitions: query.definitions.map((definition) => (definition === operation ? extended : definition)),
  }
}
