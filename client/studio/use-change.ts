import type { AnyVariables, CombinedError, DocumentInput } from '@urql/core'
import { useCallback, useState } from 'react'
import type { OutboxContext } from '../index.ts'
import { describeError, useTidings } from '../react/index.ts'

/** A mutation that is complete with its response, and the state of its last call. */
interface Change<Data, Variables> {
  /** Sends the mutation. Never rejects. @returns the data; undefined when it was refused */
  readonly run: (variables: Variables) => Promise<Data | undefined>
  readonly isSending: boolean
  /** Why the last call was refused; null on success. */
  readonly refusal: string | null
}

/** For mutations that have the same effect when they are sent twice, although they take no key. */
export const repeatable: OutboxContext = { repeatable: true }

/**
 * Sends mutations with one field that select `... on Error { message }` on failure and start no
 * task.
 */
export function useChange<Data, Variables extends AnyVariables>(
  document: DocumentInput<Data, Variables>,
  context?: OutboxContext,
): Change<Data, Variables> {
  const { urql } = useTidings()
  const [state, setState] = useState<Pick<Change<Data, Variables>, 'isSending' | 'refusal'>>({
    isSending: false,
    refusal: null,
  })
  const run = useCallback(
    async (variables: Variables): Promise<Data | undefined> => {
      setState({ isSending: true, refusal: null })
      const { data, error } = await urql.mutation(document, variables, { ...context }).toPromise()
      const refusal = refusalOf(data, error)
      setState({ isSending: false, refusal })
      return refusal === null ? data : undefined
    },
    [urql, document, context],
  )
  return { ...state, run }
}

function refusalOf(data: unknown, error: CombinedError | undefined): string | null {
  const [answer] = Object.values((data ?? {}) as Record<string, { __typename?: string; message?: string } | null>)
  if (answer?.__typename?.endsWith('Success') === true) return null
  return answer?.message ?? describeError(error) ?? 'The server did not answer.'
}
