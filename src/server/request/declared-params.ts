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
  const variableNames = operation.variableDefinitions?.map(({ variable }) => variable.name.value) ?? []
  const pick = (
    values: unknown,
    names: readonly string[],
    isKept: (name: string, value: unknown) => boolean = () => true,
  ): Record<string, unknown> | undefined => {
    if (!isRecord(values)) return undefined
    const pickedNames = names.filter((name) => Object.hasOwn(values, name) && isKept(name, values[name]))
    return pickedNames.length === 0 ? undefined : Object.fromEntries(pickedNames.map((name) => [name, values[name]]))
  }
  const declaredVariables = pick(variables, variableNames)
  const read = pick(extensions, Object.keys(readExtensions), (name, value) => readExtensions[name]?.(value) === true)
  return {
    ...(declaredVariables === undefined ? {} : { variables: declaredVariables }),
    ...(read === undefined ? {} : { extensions: read }),
  }
}

/** The data that an operation retains until it ends. */
export interface RetainedParts {
  /** Operations with the same document retain it once. The cache of documents may evict it earlier. */
  readonly document: DocumentNode
  /** The length of the document's text. */
  readonly documentChars: number
  readonly variables: GraphQLParams['variables'] | undefined
}

/** The data that the operations of one socket or stream retain together. */
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
export function createRetained(options: {
  readonly maxBytes: number
  readonly isOpen: (id: string) => boolean
}): Retained {
  return new RetainedOperations(options.maxBytes, options.isOpen)
}

interface RetainedOperation {
  readonly id: string
  readonly document: DocumentNode
  readonly chars: number
  /** Without the document. */
  readonly ownBytes: number
}

/** A class with a list rather than closures with a map: there is one instance per socket with a subscription. */
class RetainedOperations implements Retained {
  readonly #maxBytes: number
  readonly #isOpen: (id: string) => boolean
  #operations: readonly RetainedOperation[] = []

  constructor(maxBytes: number, isOpen: (id: string) => boolean) {
    this.#maxBytes = maxBytes
    this.#isOpen = isOpen
  }

  add(id: string, { document, documentChars: chars, variables }: RetainedParts): boolean {
    const ownBytes = id.length + (variables ? JSON.stringify(variables).length : 0)
    const open = this.#operations.filter((operation) => operation.id !== id && this.#isOpen(operation.id))
    // A list made with a spread has room for 16 more: 128 bytes for each socket.
    const all = open.concat({ id, document, chars, ownBytes })
    const documents = new Map(all.map((operation) => [operation.document, operation.chars]))
    const sum =
      all.reduce((bytes, operation) => bytes + operation.ownBytes, 0) +
      documents.values().reduce((bytes, documentChars) => bytes + documentChars, 0)
    const isAccepted = sum <= this.#maxBytes
    this.#operations = isAccepted ? all : open
    return isAccepted
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
