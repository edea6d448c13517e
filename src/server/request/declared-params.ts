import { GraphQLError, type OperationDefinitionNode } from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'

const readExtensions = ['catchUp', 'traceparent']

/**
 * Returns the variables that an operation declares, and the extensions that this server reads. The
 * others would be retained as long as the operation.
 */
export function declaredParams(
  operation: OperationDefinitionNode,
  { variables, extensions }: { readonly variables?: unknown; readonly extensions?: unknown },
): Pick<GraphQLParams, 'variables' | 'extensions'> {
  const declared = operation.variableDefinitions?.map(({ variable }) => variable.name.value) ?? []
  const pick = (values: unknown, names: readonly string[]): Record<string, unknown> | undefined => {
    if (!isRecord(values)) return undefined
    const kept = names.filter((name) => Object.hasOwn(values, name)).map((name) => [name, values[name]])
    return kept.length === 0 ? undefined : (Object.fromEntries(kept) as Record<string, unknown>)
  }
  const [kept, read] = [pick(variables, declared), pick(extensions, readExtensions)]
  return { ...(kept === undefined ? {} : { variables: kept }), ...(read === undefined ? {} : { extensions: read }) }
}

/** Returns the approximate size of what an operation retains. */
export function retainedBytes({ variables }: Pick<GraphQLParams, 'variables'>): number {
  return variables === undefined ? 0 : JSON.stringify(variables).length
}

/** Creates the refusal of an operation that would retain too much. */
export function tooMuchRetained(on: 'socket' | 'stream'): GraphQLError {
  return new GraphQLError(`The variables of the operations on this ${on} are too large together (MAX_MESSAGE_BYTES)`, {
    extensions: { code: 'RATE_LIMITED', retryable: true },
  })
}

/** Whether a parsed JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
