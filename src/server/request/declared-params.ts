import { GraphQLError, type OperationDefinitionNode } from 'graphql'
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
    const kept = names.filter((name) => Object.hasOwn(values, name) && isKept(name, values[name]))
    return kept.length === 0 ? undefined : Object.fromEntries(kept.map((name) => [name, values[name]]))
  }
  const kept = pick(variables, declared)
  const read = pick(extensions, Object.keys(readExtensions), (name, value) => readExtensions[name]?.(value) === true)
  return { ...(kept === undefined ? {} : { variables: kept }), ...(read === undefined ? {} : { extensions: read }) }
}

/**
 * Returns the approximate size of what an operation retains.
 * @param documentChars - the length of its text, if it is the only one that retains the document
 */
export function retainedBytes({ variables }: Pick<GraphQLParams, 'variables'>, documentChars: number): number {
  return documentChars + (variables === undefined ? 0 : JSON.stringify(variables).length)
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
