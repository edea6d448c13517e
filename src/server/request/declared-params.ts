import { type DocumentNode, GraphQLError, type OperationDefinitionNode } from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'

/** Longer than the `traceparent` of version 00, which has 55 characters. */
const maxTraceParentChars = 64
/** The extensions that this server reads, and which values of them. */
const readExtensions: Readonly<Record<string, (value: unknown) => boolean>> = {
  catchUp: (value) => typeof value === 'boolean',
  traceparent: (value) => typeof value === 'string' && value.length <= maxTraceParentChars,
}

/**
 * Returns the variables that an operation declares, and the extensions that this server reads, of
 * the types that it reads. The others would be retained as long as the operation.
 */
export function declaredParams(
  operation: OperationDefinitionNode,
  { variables, extensions }: { readonly variables?: unknown; readonly extensions?: unknown },
): Pick<GraphQLParams, 'variables' | 'extensions'> {
  const declared = operation.variableDefinitions?.map(({ variable }) => variable.name.value) ?? []
  const pick = (
    values: unknown,
    names: readonly string[],
    isKept: (name: string, value: unknown) => boolean = () => true,
  ): Record<string, unknown> | undefined => {
    if (!isRecord(values)) return undefined
    const pickedNames = names.filter((name) => Object.hasOwn(values, name) && isKept(name, values[name]))
    return pickedNames.length === 0 ? undefined : Object.fromEntries(pickedNames.map((name) => [name, values[name]]))
  }
  const declaredVariables = pick(variables, declared)
  const read = pick(extensions, Object.keys(readExtensions), (name, value) => readExtensions[name]?.(value) === true)
  return {
    ...(declaredVariables === undefined ? {} : { variables: declaredVariables }),
    ...(read === undefined ? {} : { extensions: read }),
  }
}

/** What an operation retains until it ends. */
export interface RetainedParts {
  /** Operations with the same document retain it once. The cache of documents may evict it earlier. */
  readonly document: DocumentNode
  /** The length of the document's text. */
  readonly documentChars: number
  readonly variables: GraphQLParams['variables'] | undefined
}

/** What the operations of one socket or stream retain together. */
export interface Retained {
  /**
   * Records what an operation retains.
   * @returns false when the operations would retain too much together; the operation is not recorded then
   */
  add(id: string, parts: RetainedParts): boolean
}

/**
 * Creates the record of what the operations of one socket or stream retain.
 *
 * @param options.maxBytes - how much that may be together, approximately
 * @param options.isOpen - whether an operation has not ended; what ended operations retained is dropped
 * when the next one is added
 */
export function createRetained({
  maxBytes,
  isOpen,
}: {
  readonly maxBytes: number
  readonly isOpen: (id: string) => boolean
}): Retained {
  const operations = new Map<
    string,
    { readonly document: DocumentNode; readonly chars: number; readonly own: number }
  >()
  return {
    add(id, { document, documentChars: chars, variables }) {
      const added = { document, chars, own: id.length + (variables ? JSON.stringify(variables).length : 0) }
      operations.delete(id)
      const documents = new Set([document])
      let sum = added.chars + added.own
      for (const [otherId, retained] of operations) {
        if (isOpen(otherId)) {
          sum += retained.own + (documents.has(retained.document) ? 0 : retained.chars)
          documents.add(retained.document)
        } else operations.delete(otherId)
      }
      if (sum > maxBytes) return false
      operations.set(id, added)
      return true
    },
  }
}

/** Creates the refusal of an operation that would retain too much. */
export function tooMuchRetained(on: 'socket' | 'stream'): GraphQLError {
  return new GraphQLError(
    `The documents and variables of the operations on this ${on} are too large together (MAX_MESSAGE_BYTES)`,
    {
      extensions: { code: 'RATE_LIMITED', retryable: true },
    },
  )
}

/** Whether a parsed JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
