import type { AnyVariables, CombinedError, TypedDocumentNode } from '@urql/core'
import { useCallback, useState } from 'react'
import { type UseQueryArgs, useQuery } from 'urql'
import { describeError } from '../react/index.ts'
import { useWhenBack } from './use-when-back.ts'

/** The result of a page's query. */
interface Fetched<Data> {
  /** Undefined until the first data arrives. */
  readonly data: Data | undefined
  readonly isLoading: boolean
  /** Why the last request failed; null otherwise. Data of an earlier request may exist. */
  readonly failure: string | null
  /** Whether it failed because the server requires authentication. */
  readonly isRefused: boolean
  /** Fetches it from the server again. */
  readonly refetch: () => void
}

const doNothing = (): void => undefined

/**
 * Fetches the data of a page: from the cache at once, from the server, and again when the
 * connection is back. The client itself repeats queries that the server could not answer.
 *
 * @param options.isNotified - whether events report its changes, including those made while there was
 * no connection.
 * @default false
 */
export function useFetched<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  options: { readonly isNotified?: boolean } = {},
): Fetched<Data> {
  const args = { query, variables, requestPolicy: 'cache-and-network' } as UseQueryArgs<Variables, Data>
  const [{ data, fetching, error }, execute] = useQuery<Data, Variables>(args)
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  // A failed request has no data: the page keeps showing that of the last one.
  const [last, setLast] = useState({ key: '', data })
  const key = JSON.stringify(variables)
  if (data !== undefined && (last.data !== data || last.key !== key)) setLast({ key, data })
  useWhenBack(options.isNotified === true ? doNothing : refetch)
  return {
    data: data ?? (error !== undefined && last.key === key ? last.data : undefined),
    isLoading: fetching,
    failure: describeError(error),
    isRefused: hasErrorCode(error, 'UNAUTHENTICATED'),
    refetch,
  }
}

/** Whether a request failed with a code of the server. */
export function hasErrorCode(error: CombinedError | null | undefined, code: string): boolean {
  return error?.graphQLErrors.some(({ extensions }) => extensions['code'] === code) === true
}
