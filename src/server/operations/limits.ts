import {
  type ASTNode,
  type DocumentNode,
  type ExecutableDefinitionNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type ValidationContext,
} from 'graphql'
import type { Config } from '../../config.ts'
import { countFields, type Measure, measureOperation } from './measure.ts'

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
 * Checks the number of fields of a document, and of fields with one name in one place. Takes linear
 * time, unlike some rules of graphql, so it comes before them.
 */
export function checkFields(
  document: DocumentNode,
  { MAX_QUERY_FIELDS: maxFields, MAX_QUERY_FIELDS_PER_NAME: maxPerName }: OperationLimits,
): GraphQLError | null {
  const definitions = document.definitions.filter(
    (definition): definition is ExecutableDefinitionNode =>
      definition.kind === Kind.OPERATION_DEFINITION || definition.kind === Kind.FRAGMENT_DEFINITION,
  )
  const { fields, perName, name } = countFields({ definitions, fragments: fragmentsOf(document), maxFields })
  const extensions = { code: 'GRAPHQL_VALIDATION_FAILED' }
  if (fields > maxFields)
    return new GraphQLError(
      `This document has more than ${maxFields} fields, counting fragments each time they are spread; that is the maximum (MAX_QUERY_FIELDS)`,
      { extensions },
    )
  if (perName <= maxPerName) return null
  const problem = name === '...' ? 'fragments are spread' : `fields have the response name "${name}"`
  return new GraphQLError(
    `In one place of this document ${perName} ${problem}; at most ${maxPerName} are allowed (MAX_QUERY_FIELDS_PER_NAME)`,
    { extensions },
  )
}

/**
 * Creates a validation rule from the limits. They do not depend on variables, so a document is
 * measured once.
 */
export function limitRule(schema: GraphQLSchema, limits: OperationLimits) {
  return (context: ValidationContext) => ({
    [Kind.OPERATION_DEFINITION]: (operation: OperationDefinitionNode) => {
      const { depth, aliases }: Measure = measureOperation({
        schema,
        fragments: fragmentsOf(context.getDocument()),
        operation,
      })
      if (depth > limits.MAX_QUERY_DEPTH)
        context.reportError(tooMuch('depth', depth, limits.MAX_QUERY_DEPTH, 'MAX_QUERY_DEPTH', operation))
      if (aliases > limits.MAX_QUERY_ALIASES)
        context.reportError(
          tooMuch('number of aliases', aliases, limits.MAX_QUERY_ALIASES, 'MAX_QUERY_ALIASES', operation),
        )
    },
  })
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

/** Returns the fragments of a document by name. */
export function fragmentsOf(document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  return new Map(
    document.definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  )
}

function tooMuch(problem: string, is: number, max: number, setting: string, node: ASTNode): GraphQLError {
  return new GraphQLError(`The ${problem} of this operation is ${is}; at most ${max} is allowed (${setting})`, {
    nodes: node,
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
  })
}
