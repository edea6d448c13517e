import { hash } from 'node:crypto'
import {
  type ASTNode,
  type DocumentNode,
  ExecutableDefinitionsRule,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  isExecutableDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type ParseOptions,
  parse,
  type SelectionSetNode,
  specifiedRules,
  validate,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import type { ErrorCode } from '../../errors.ts'
import { withoutToken } from '../../tasks/model/viewer.ts'
import { removeSuggestion } from '../request/exposure.ts'
import { type CheckedCost, checkCost, checkLimits, fragmentsOf, type OperationLimits } from './limits.ts'

/**
 * Parses and validates operations. A valid text of an authenticated viewer is cached: that of a
 * subscription at once, as it retains its document anyway, and others when they are sent for the
 * second time. One that is sent only once would take time of the garbage collector for nothing.
 */
export interface Operations {
  /** @throws GraphQLError `GRAPHQL_PARSE_FAILED` for a syntax error or too many tokens */
  parse(text: string): DocumentNode
  /** Whether a text is cached, so that it costs nothing to parse and validate it. */
  isCached(text: string): boolean
  /** Returns the length of the text of a document from {@link Operations.parse}. */
  charsOf(document: DocumentNode): number
  /**
   * Validates a document against the rules of GraphQL and the limits on its size; returns at most 20
   * errors. Documents have no source locations, which take more memory than they do: one with errors is parsed again.
   *
   * @param options.isAuthenticated - whether the operation has a viewer. Without one only the root
   * fields with {@link withoutToken} are accepted, and the document is not cached: no anonymous
   * caller fills the cache
   */
  validate(document: DocumentNode, options: { readonly isAuthenticated: boolean }): readonly GraphQLError[]
  /**
   * Returns the cost of an operation with these variables, and an error when it exceeds the limit,
   * otherwise null.
   */
  checkCost(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Readonly<Record<string, unknown>> | null | undefined,
  ): CheckedCost
  /** The number of cached texts. */
  readonly size: number
}

const maxRemembered = 1_000
/** So that memory is bounded whatever clients send. */
const maxRememberedBytes = 32_000_000
/** Measured; with arguments and aliases it is less. */
const bytesPerToken = 150
const bytesPerChar = 2
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
  /** Contains valid documents only, so that invalid ones cannot evict documents in use. */
  const documents = new LRUCache<string, DocumentNode>({
    max: maxRemembered,
    maxSize: maxRememberedBytes,
    sizeCalculation: (document, text) => bytesPerToken * tokensOf(document) + bytesPerChar * text.length,
  })
  /** The digests of valid texts that were sent once. */
  const seenOnce = new LRUCache<string, true>({ max: maxRemembered })
  const valid = new WeakSet<DocumentNode>()

  const remember = (document: DocumentNode): void => {
    const text = textOf(document)
    if (text.length > maxRememberedTextChars || documents.has(text)) return
    // Each subscription retains its document: those with the same text share it.
    if (hasSubscription(document)) return void documents.set(text, document)
    const digest = hash('sha256', text)
    if (seenOnce.delete(digest)) documents.set(text, document)
    else seenOnce.set(digest, true)
  }

  const check = (document: DocumentNode, max: number): readonly GraphQLError[] => {
    // The limits are checked first: some rules of graphql take time that grows faster than the
    // document.
    const large = checkLimits(schema, document, limits)
    if (large !== null) return [large]
    // The limits do not look into definitions of types, which no operation may have.
    const rules = document.definitions.every(isExecutableDefinitionNode) ? specifiedRules : [ExecutableDefinitionsRule]
    return validate(schema, document, rules, { maxErrors: max })
  }

  return {
    get size() {
      return documents.size
    },
    parse(text) {
      const existing = documents.get(text)
      if (existing !== undefined) return existing
      return Object.assign(parseText(text, limits.MAX_QUERY_TOKENS, { noLocation: true }), { [textKey]: text })
    },
    isCached: (text) => documents.has(text),
    charsOf: (document) => textOf(document).length,
    validate(document, { isAuthenticated }) {
      if (!isAuthenticated && !isWithoutToken(schema, document)) return [tokenRequired()]
      if (valid.has(document)) return []
      if (check(document, 1).length > 0) {
        // Only errors need source locations.
        const errors = check(parseText(textOf(document), limits.MAX_QUERY_TOKENS), maxErrors)
        for (const error of errors) {
          error.extensions['code'] ??= 'GRAPHQL_VALIDATION_FAILED'
          if (!hasSuggestions) removeSuggestion(error)
        }
        return errors
      }
      valid.add(document)
      shareEmptyLists(document)
      if (isAuthenticated) remember(document)
      return []
    },
    checkCost: (document, operation, variables) => checkCost(schema, limits, { document, operation, variables }),
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

function parseText(text: string, maxTokens: number, options: ParseOptions = {}): DocumentNode {
  try {
    return parse(text, { ...options, maxTokens })
  } catch (error) {
    if (error instanceof GraphQLError) error.extensions['code'] = 'GRAPHQL_PARSE_FAILED'
    throw error
  }
}

/** Whether all root fields of a document are available without a token. */
function isWithoutToken(schema: GraphQLSchema, document: DocumentNode): boolean {
  const fragments = fragmentsOf(document)
  const visitedFragmentNames = new Set<string>()
  const isListed = (type: OperationTypeNode, { selections }: SelectionSetNode): boolean =>
    selections.every((selection) => {
      if (selection.kind === Kind.INLINE_FRAGMENT) return isListed(type, selection.selectionSet)
      const { value: name } = selection.name
      if (selection.kind === Kind.FIELD)
        return (
          name.startsWith('__') ||
          schema.getRootType(type)?.getFields()[name]?.extensions['withoutToken'] === withoutToken.withoutToken
        )
      const fragment = fragments.get(name)
      if (fragment === undefined || visitedFragmentNames.has(name)) return true
      visitedFragmentNames.add(name)
      return isListed(type, fragment.selectionSet)
    })
  return document.definitions.every(
    (definition) =>
      definition.kind !== Kind.OPERATION_DEFINITION || isListed(definition.operation, definition.selectionSet),
  )
}

function tokenRequired(): GraphQLError {
  const code: ErrorCode = 'UNAUTHENTICATED'
  return new GraphQLError(
    'This needs a token: send `Authorization: Bearer …`, over WebSocket as `authorization` in connection_init',
    // The status of the other refusals of an operation.
    { extensions: { code, retryable: false, http: { status: 200 } } },
  )
}

function hasSubscription({ definitions }: DocumentNode): boolean {
  return definitions.some(
    (definition) =>
      definition.kind === Kind.OPERATION_DEFINITION && definition.operation === OperationTypeNode.SUBSCRIPTION,
  )
}

/** Not a `WeakMap`: V8 would keep the text until it collects the whole heap (decision 349). */
const textKey = Symbol('text')

function textOf(document: DocumentNode): string {
  return (document as { readonly [textKey]?: string })[textKey] ?? ''
}

/** The parser sets this property, which its type omits. */
function tokensOf(document: DocumentNode): number {
  return (document as { readonly tokenCount?: number }).tokenCount ?? 0
}

const noNodes: readonly ASTNode[] = Object.freeze([])

/** Replaces the empty lists in a document by one: each field has two, half of its memory. */
function shareEmptyLists(node: object): void {
  const properties = node as Record<string, unknown>
  for (const key of Object.keys(properties)) {
    const value = properties[key]
    if (Array.isArray(value)) {
      if (value.length === 0) properties[key] = noNodes
      else for (const item of value) shareEmptyLists(item as object)
    } else if (typeof value === 'object' && value !== null) shareEmptyLists(value)
  }
}
