import { gql } from '@urql/core'
import type { ArgumentNode, DocumentNode, FieldNode, OperationDefinitionNode, VariableDefinitionNode } from 'graphql'
import { identifiedMutations, keyedInputs } from '../gql/keyed.ts'

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
/** Mutations that have the same effect when they are sent twice. Applications mark theirs with `OutboxContext.repeatable`. */
const repeatableMutations: readonly string[] = ['cancelTask', ...identifiedMutations]

/** A key that is to be written into the document, as a variable. */
interface Added {
  readonly field: FieldNode
  readonly argument: ArgumentNode
  readonly definition: VariableDefinitionNode
  /** The input that is written out in the document and takes the key. */
  readonly input: ArgumentNode
}

/**
 * Fills in an idempotency key wherever the input of a field takes one and has none: in the variable that holds the input, or
 * in the document where the input is written out there.
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
  const added: Added[] = []
  const add = (field: FieldNode, input: ArgumentNode): void => {
    const variable = `${argumentName}${added.length}`
    filled[variable] = createKey()
    added.push({ field, input, ...makeArgument(variable) })
  }
  let isRepeatable = true
  for (const field of fields) {
    if (repeatableMutations.includes(field.name.value)) continue
    const input = field.arguments?.find(({ name }) => keyedInputs.includes(`${field.name.value}.${name.value}`))
    if (input?.value.kind !== 'ObjectValue') {
      if (!fillInput(input, filled, createKey)) isRepeatable = false
      continue
    }
    const given = input.value.fields.find(({ name }) => name.value === argumentName)
    if (given === undefined) add(field, input)
    // A key that is written into the document is the caller's own, and so is its absence.
    else if (given.value.kind === 'Variable') filled[given.value.name.value] ??= createKey()
    else if (given.value.kind === 'NullValue') isRepeatable = false
  }
  return {
    query: added.length === 0 ? query : extend(query, operation, added),
    variables: filled,
    isRepeatable,
    field: name,
  }
}

/** @returns whether it is given by a variable that holds an input, which has a key then */
function fillInput(
  input: ArgumentNode | undefined,
  variables: Record<string, unknown>,
  createKey: () => string,
): boolean {
  if (input?.value.kind !== 'Variable') return false
  const name = input.value.name.value
  const given = variables[name]
  if (typeof given !== 'object' || given === null) return false
  variables[name] = { ...given, [argumentName]: (given as Record<string, unknown>)[argumentName] ?? createKey() }
  return true
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

function extend(query: DocumentNode, operation: OperationDefinitionNode, added: readonly Added[]): DocumentNode {
  const selections = operation.selectionSet.selections.map((selection) => {
    const found = added.find(({ field }) => field === selection)
    return found === undefined ? selection : withKey(found)
  })
  const extended: OperationDefinitionNode = {
    ...operation,
    variableDefinitions: [...(operation.variableDefinitions ?? []), ...added.map(({ definition }) => definition)],
    selectionSet: { ...operation.selectionSet, selections },
  }
  const { __meta__: meta } = query as { readonly __meta__?: object }
  return {
    ...(meta === undefined ? {} : { __meta__: meta }),
    kind: query.kind,
    definitions: query.definitions.map((definition) => (definition === operation ? extended : definition)),
  }
}

function withKey({ field, argument, input }: Added): FieldNode {
  const given = field.arguments ?? []
  const { value } = input
  if (value.kind !== 'ObjectValue') return field
  const extended = { ...input, value: { ...value, fields: [...value.fields, { ...argument, kind: 'ObjectField' }] } }
  return { ...field, arguments: given.map((one) => (one === input ? (extended as ArgumentNode) : one)) }
}
