import type { AnyVariables, CombinedError, TypedDocumentNode } from '@urql/core'
import { useCallback } from 'react'
import { type UseQueryArgs, useQuery } from 'urql'
import { describeError } from '../react/words.ts'
import { useWhenBack } from './use-when-back.ts'

/** What a page asked for. */
export interface Fetched<Data> {
  /** Undefined until there is any. */
  readonly data: Data | undefined
  readonly isLoading: boolean
  /** Why the last request failed, with or without something from before it. */
  readonly failure: string | null
  /** Whether it failed because the server wants to know who one is. */
  readonly isRefused: boolean
  /** Asks the server again. */
  readonly refetch: () => void
}

const leaveIt = (): void => undefined

/**
 * Asks for what a page shows: from the cache at once, from the server anew, and again when the connection is back after it was lost.
 * What nobody answers, the client asks again by itself.
 *
 * @param options.isTold - whether events tell its changes, also those of such a time
 */
export function useFetched<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  options: { readonly isTold?: boolean } = {},
): Fetched<Data> {
  const args = { query, variables, requestPolicy: 'cache-and-network' } as UseQueryArgs<Variables, Data>
  const [{ data, fetching, error }, execute] = useQuery<Data, Variables>(args)
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useWhenBack(options.isTold === true ? leaveIt : refetch)
  return {
    data,
    isLoading: fetching,
    failure: describeError(error),
    isRefused: isUnauthenticated(error),
    refetch,
  }
}

function isUnauthenticated(error: CombinedError | undefined): boolean {
  return error?.graphQLErrors.some(({ extensions }) => extensions['code'] === 'UNAUTHENTICATED') === true
}
