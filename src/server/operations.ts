import {
  type ASTNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  type ValidationContext,
  validate,
} from 'graphql'
import type { Config } from '../config.ts'
import { directiveRule, removeSuggestion } from './exposure.ts'
import { type Measure, measureOperation } from './measure.ts'

/** The settings that limit the size of an operation. */
export type OperationLimits = Pick<
  Config,
  'MAX_QUERY_DEPTH' | 'MAX_QUERY_TOKENS' | 'MAX_QUERY_ALIASES' | 'MAX_QUERY_COST'
>

/** Parses and validates operations: once for each distinct valid text, as long as it is cached. */
export interface Operations {
  /** @throws GraphQLError `GRAPHQL_PARSE_FAILED` for a syntax error or too many tokens */
  parse(text: string): DocumentNode
  /**
   * Validates a document against the rules of GraphQL and the limits on depth and aliases; returns
   * at most 20 errors.
   */
  validate(document: DocumentNode): readonly GraphQLError[]
  /**
   * Returns an error when the cost of an operation with these variables exceeds the limit,
   * otherwise null.
   */
  checkCost(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Readonly<Record<string, unknown>> | null | undefined,
  ): GraphQLError | null
  /** The number of cached texts. */
  readonly size: number
}

const maxRemembered = 1_000
/** Maximum length of all cached texts together, so that memory is bounded whatever clients send. */
const maxRememberedChars = 4_194_304
const maxRememberedTextChars = 32_768
const maxErrors = 20

/**
 * Creates the parser and validator of operations for a schema.
 * @param options.hasSuggestions - whether errors suggest names of the schema; true by default
 */
export function createOperations(
  schema: GraphQLSchema,
  limits: OperationLimits,
  { hasSuggestions = true }: { readonly hasSuggestions?: boolean } = {},
): Operations {
  /**
   * Contains valid documents only, so that invalid ones cannot evict documents in use; least
   * recently used first.
   */
  const remembered = new Map<string, DocumentNode>()
  const valid = new WeakSet<DocumentNode>()
  const texts = new WeakMap<DocumentNode, string>()
  let rememberedChars = 0

  const remember = (document: DocumentNode): void => {
    const text = texts.get(document)
    if (text === undefined || text.length > maxRememberedTextChars || remembered.has(text)) return
    remembered.set(text, document)
    rememberedChars += text.length
    for (const oldest of remembered.keys()) {
      if (remembered.size <= maxRemembered && rememberedChars <= maxRememberedChars) break
      remembered.delete(oldest)
      rememberedChars -= oldest.length
    }
  }

  return {
    get size() {
      return remembered.size
    },
    parse(text) {
      const known = remembered.get(text)
      if (known !== undefined) {
        remembered.delete(text)
        remembered.set(text, known)
        return known
      }
      const document = parseText(text, limits.MAX_QUERY_TOKENS)
      texts.set(document, text)
      return document
    },
    validate(document) {
      if (valid.has(document)) return []
      // The limits are checked first: some rules of graphql take time that grows faster than the
      // document.
      const small = validate(schema, document, [directiveRule, limitRule(schema, limits)], { maxErrors })
      const errors = small.length > 0 ? small : validate(schema, document, specifiedRules, { maxErrors })
      for (const error of errors) {
        error.extensions['code'] ??= 'GRAPHQL_VALIDATION_FAILED'
        if (!hasSuggestions) removeSuggestion(error)
      }
      if (errors.length === 0) {
        valid.add(document)
        remember(document)
      }
      return errors
    },
    checkCost(document, operation, variables) {
      const { cost } = measureOperation({
        schema,
        fragments: fragmentsOf(document),
        operation,
        variables: variables ?? undefined,
      })
      if (cost <= limits.MAX_QUERY_COST) return null
      return tooMuch('cost', Math.round(cost), limits.MAX_QUERY_COST, 'MAX_QUERY_COST', operation)
    },
  }
}

/**
 * Returns the name of the field that a subscription subscribes to; `unknown` when the field is
 * inside a fragment.
 */
export function nameRootField(document: DocumentNode, operationName: string | null | undefined): string {
  const selection = getOperationAST(document, operationName)?.selectionSet.selections[0]
  return selection?.kind === Kind.FIELD ? selection.name.value : 'unknown'
}

function parseText(text: string, maxTokens: number): DocumentNode {
  try {
    return parse(text, { maxTokens })
  } catch (error) {
    if (error instanceof GraphQLError) error.extensions['code'] = 'GRAPHQL_PARSE_FAILED'
    throw error
  }
}

/**
 * Creates a validation rule from the limits. They do not depend on variables, so a document is
 * measured once.
 */
function limitRule(schema: GraphQLSchema, limits: OperationLimits) {
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

function fragmentsOf(document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  return new Map(
    document.definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  )
}

function tooMuch(what: string, is: number, max: number, setting: string, node: ASTNode): GraphQLError {
  return new GraphQLError(`The ${what} of this operation is ${is}; at most ${max} is allowed (${setting})`, {
    nodes: node,
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
  })
}
