import {
  type ASTNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  isExecutableDefinitionNode,
  Kind,
  type OperationDefinitionNode,
} from 'graphql'
import type { Config } from '../../config.ts'
import { countFields, measureOperation } from './measure.ts'

/** The settings that limit the size of an operation. */
export type OperationLimits = Pick<
  Config,
  | 'MAX_QUERY_DEPTH'
  | 'MAX_QUERY_TOKENS'
  | 'MAX_QUERY_ALIASES'
  | 'MAX_QUERY_COST'
  | 'MAX_QUERY_FIELDS'
  | 'MAX_QUERY_FIELDS_PER_NAME'
>

/**
 * Checks the size of a document: fields in all and with one name in one place, directives, and the depth and aliases of
 * each operation, which do not depend on variables. Takes linear time, unlike some rules of graphql, so it comes before
 * them.
 * @returns the first limit that is exceeded; null when none is
 */
export function checkLimits(
  schema: GraphQLSchema,
  document: DocumentNode,
  limits: OperationLimits,
): GraphQLError | null {
  const fragments = fragmentsOf(document)
  const error = checkFields(document, fragments, limits) ?? checkDirectives(document)
  if (error !== null) return error
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    const operationError = checkOperation(definition, { schema, fragments, limits })
    if (operationError !== null) return operationError
  }
  return null
}

function checkFields(
  document: DocumentNode,
  fragments: Fragments,
  { MAX_QUERY_FIELDS: maxFields, MAX_QUERY_FIELDS_PER_NAME: maxPerName }: OperationLimits,
): GraphQLError | null {
  const definitions = document.definitions.filter(isExecutableDefinitionNode)
  const { fields, perName, name } = countFields({ definitions, fragments, maxFields })
  if (fields > maxFields)
    return invalid(
      `This document has more than ${maxFields} fields, counting fragments each time they are spread; that is the maximum (MAX_QUERY_FIELDS)`,
    )
  if (perName <= maxPerName) return null
  const problem = name === '...' ? 'fragments are spread' : `fields have the response name "${name}"`
  return invalid(
    `In one place of this document ${perName} ${problem}; at most ${maxPerName} are allowed (MAX_QUERY_FIELDS_PER_NAME)`,
  )
}

/** Maximum number of directives in a document; each unknown or repeated one would be an error of its own. */
const maxDirectives = 50
/** Maximum number of directives at one place. */
const maxDirectivesAtOnce = 5

/** What can have directives in an operation, and contain what can have them too. */
interface DirectivePlace {
  readonly directives?: readonly unknown[] | undefined
  readonly variableDefinitions?: readonly DirectivePlace[] | undefined
  readonly selectionSet?: { readonly selections: readonly DirectivePlace[] } | undefined
}

function checkDirectives({ definitions }: DocumentNode): GraphQLError | null {
  let count = 0
  const findExcess = (places: readonly DirectivePlace[]): DirectivePlace | null => {
    for (const place of places) {
      const { length } = place.directives ?? []
      count += length
      if (count > maxDirectives || length > maxDirectivesAtOnce) return place
      const inner = findExcess(place.variableDefinitions ?? []) ?? findExcess(place.selectionSet?.selections ?? [])
      if (inner !== null) return inner
    }
    return null
  }
  const excess = findExcess(definitions)
  if (excess === null) return null
  return invalid(
    `Too many directives: at most ${maxDirectivesAtOnce} at one place and ${maxDirectives} in a document`,
    excess as ASTNode,
  )
}

function checkOperation(
  operation: OperationDefinitionNode,
  { schema, fragments, limits }: { schema: GraphQLSchema; fragments: Fragments; limits: OperationLimits },
): GraphQLError | null {
  const { depth, aliases } = measureOperation({ schema, fragments, operation })
  if (depth > limits.MAX_QUERY_DEPTH)
    return tooMuch('depth', depth, limits.MAX_QUERY_DEPTH, 'MAX_QUERY_DEPTH', operation)
  if (aliases > limits.MAX_QUERY_ALIASES)
    return tooMuch('number of aliases', aliases, limits.MAX_QUERY_ALIASES, 'MAX_QUERY_ALIASES', operation)
  return null
}

/** The cost of an operation, and an error when it exceeds the limit, otherwise null. */
export interface CheckedCost {
  readonly cost: number
  readonly error: GraphQLError | null
}

/** Measures the cost of an operation with its variables. */
export function checkCost(
  schema: GraphQLSchema,
  limits: OperationLimits,
  args: {
    readonly document: DocumentNode
    readonly operation: OperationDefinitionNode
    readonly variables: Readonly<Record<string, unknown>> | null | undefined
  },
): CheckedCost {
  const { document, operation, variables } = args
  const { cost } = measureOperation({
    schema,
    fragments: fragmentsOf(document),
    operation,
    variables: variables ?? undefined,
  })
  const isTooMuch = cost > limits.MAX_QUERY_COST
  return {
    cost,
    error: isTooMuch ? tooMuch('cost', Math.round(cost), limits.MAX_QUERY_COST, 'MAX_QUERY_COST', operation) : null,
  }
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

/** Returns the fragments of a document by name. */
export function fragmentsOf(document: DocumentNode): Fragments {
  return new Map(
    document.definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  )
}

function tooMuch(problem: string, is: number, max: number, setting: string, node: ASTNode): GraphQLError {
  return invalid(`The ${problem} of this operation is ${is}; at most ${max} is allowed (${setting})`, node)
}

function invalid(message: string, nodes: ASTNode | null = null): GraphQLError {
  return new GraphQLError(message, { nodes, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } })
}
