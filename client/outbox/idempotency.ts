import { gql } from '@urql/core'
import type { ArgumentNode, DocumentNode, FieldNode, OperationDefinitionNode, VariableDefinitionNode } from 'graphql'

/** A mutation prepared for being sent again, where possible. */
interface KeyedMutation {
  readonly query: DocumentNode
  readonly variables: Readonly<Record<string, unknown>>
  /** Whether sending it twice has the same effect as sending it once. */
  readonly isRepeatable: boolean
  /** The name of its first field. */
  readonly field: string
}

const argumentName = 'idempotencyKey'

/** The mutations that may be sent twice; a part of `ClientPlugin`. */
export interface IdempotentMutations {
  /** Inputs that take an `idempotencyKey`: `mutation.argument`. */
  readonly keyedInputs?: readonly string[]
  /** Mutations that have the same effect when they are sent twice, without a key. */
  readonly repeatableMutations?: readonly string[]
}

/** The idempotent mutations of the engine. Callers mark others with `OutboxContext.repeatable`. */
const ofEngine = { keyedInputs: ['retryTask.input'], repeatableMutations: ['cancelTask'] } as const

/** Joins the idempotent mutations of the engine and of applications. */
export function joinIdempotent(applications: readonly IdempotentMutations[]): Required<IdempotentMutations> {
  const all: readonly IdempotentMutations[] = [ofEngine, ...applications]
  return {
    keyedInputs: all.flatMap(({ keyedInputs = [] }) => keyedInputs),
    repeatableMutations: all.flatMap(({ repeatableMutations = [] }) => repeatableMutations),
  }
}

/** A key to add to the document, as a variable. */
interface Addition {
  readonly field: FieldNode
  readonly argument: ArgumentNode
  readonly definition: VariableDefinitionNode
  /** The inline input of the document that takes the key. */
  readonly input: ArgumentNode
}

/**
 * Adds an idempotency key wherever the input of a field takes one and has none: to the variable
 * that holds the input, or to the document where the input is inline.
 *
 * @param options.createKey - creates a unique key
 */
export function addIdempotencyKeys(
  query: DocumentNode,
  variables: Readonly<Record<string, unknown>>,
  options: Required<IdempotentMutations> & { readonly createKey: () => string },
): KeyedMutation {
  const { createKey, keyedInputs, repeatableMutations } = options
  const operation = query.definitions.find((definition) => definition.kind === 'OperationDefinition')
  const fields = operation?.selectionSet.selections.filter((selection) => selection.kind === 'Field') ?? []
  const name = fields[0]?.name.value ?? 'mutation'
  if (operation === undefined || fields.length !== operation.selectionSet.selections.length)
    return { query, variables, isRepeatable: false, field: name }

  const filledVariables: Record<string, unknown> = { ...variables }
  const additions: Addition[] = []
  const add = (field: FieldNode, input: ArgumentNode): void => {
    const variable = `${argumentName}${additions.length}`
    filledVariables[variable] = createKey()
    additions.push({ field, input, ...makeArgument(variable) })
  }
  let isRepeatable = true
  for (const field of fields) {
    if (repeatableMutations.includes(field.name.value)) continue
    const input = field.arguments?.find(({ name }) => keyedInputs.includes(`${field.name.value}.${name.value}`))
    if (input?.value.kind !== 'ObjectValue') {
      if (!fillInput(input, filledVariables, createKey)) isRepeatable = false
      continue
    }
    const keyField = input.value.fields.find(({ name }) => name.value === argumentName)
    if (keyField === undefined) add(field, input)
    // A key written in the document is the caller's choice, and so is an explicit null.
    else if (keyField.value.kind === 'Variable') filledVariables[keyField.value.name.value] ??= createKey()
    else if (keyField.value.kind === 'NullValue') isRepeatable = false
  }
  return {
    query: additions.length === 0 ? query : extend(query, operation, additions),
    variables: filledVariables,
    isRepeatable,
    field: name,
  }
}

/** @returns whether the argument is a variable that holds an input; that input then has a key */
function fillInput(
  input: ArgumentNode | undefined,
  variables: Record<string, unknown>,
  createKey: () => string,
): boolean {
  if (input?.value.kind !== 'Variable') return false
  const name = input.value.name.value
  const value = variables[name]
  if (typeof value !== 'object' || value === null) return false
  variables[name] = { ...value, [argumentName]: (value as Record<string, unknown>)[argumentName] ?? createKey() }
  return true
}

/**
 * Creates the nodes of an argument with a variable as its value. They are parsed, which makes them
 * complete.
 */
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

function extend(query: DocumentNode, operation: OperationDefinitionNode, additions: readonly Addition[]): DocumentNode {
  const selections = operation.selectionSet.selections.map((selection) => {
    const addition = additions.find(({ field }) => field === selection)
    return addition === undefined ? selection : withKey(addition)
  })
  const extendedOperation: OperationDefinitionNode = {
    ...operation,
    variableDefinitions: [...(operation.variableDefinitions ?? []), ...additions.map(({ definition }) => definition)],
    selectionSet: { ...operation.selectionSet, selections },
  }
  const { __meta__: meta } = query as { readonly __meta__?: object }
  return {
    ...(meta === undefined ? {} : { __meta__: meta }),
    kind: query.kind,
    definitions: query.definitions.map((definition) => (definition === operation ? extendedOperation : definition)),
  }
}

function withKey({ field, argument, input }: Addition): FieldNode {
  const args = field.arguments ?? []
  const { value } = input
  if (value.kind !== 'ObjectValue') return field
  const extendedArgument = {
    ...input,
    value: { ...value, fields: [...value.fields, { ...argument, kind: 'ObjectField' }] },
  }
  return { ...field, arguments: args.map((arg) => (arg === input ? (extendedArgument as ArgumentNode) : arg)) }
}
