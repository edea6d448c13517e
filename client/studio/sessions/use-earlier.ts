import { useCallback, useMemo, useState } from 'react'
import { EarlierMessagesDocument } from '../../gql/graphql.ts'
import { useTidings } from '../../react/provider.ts'
import { describeError } from '../../react/words.ts'
import type { SessionMessage, SessionState } from '../../reduce/session-state.ts'

/** A conversation with as much of its past as was asked for. */
export interface Earlier {
  /** By position. */
  readonly messages: readonly SessionMessage[]
  readonly hasEarlier: boolean
  readonly isLoading: boolean
  /** Why they could not be read in the last time. */
  readonly failure: string | null
  readonly load: () => void
}

interface Page {
  readonly messages: readonly SessionMessage[]
  readonly cursor: string | null
}
const nothing: readonly SessionMessage[] = []

/** Reads back in a conversation, page by page. */
export function useEarlier(session: SessionState | null): Earlier {
  const { urql } = useTidings()
  const [page, setPage] = useState<Page | null>(null)
  const [isLoading, setIsLoading] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  const known = session?.messages ?? nothing
  const first = known[0]?.position ?? 1
  // After a long absence there may be a hole between the two; then the past begins anew.
  const earlier = page !== null && page.messages.at(-1)?.position === first - 1 ? page : null
  const before = earlier === null ? (session?.earlierCursor ?? null) : earlier.cursor
  const id = session?.id
  const load = useCallback(() => {
    if (id === undefined || before === null || isLoading) return
    setIsLoading(true)
    urql
      .query(EarlierMessagesDocument, { id, before }, { requestPolicy: 'network-only' })
      .toPromise()
      .then(({ data, error }) => {
        setFailure(describeError(error))
        const read = data?.session?.messages
        if (read !== undefined)
          setPage({
            messages: [...read.nodes, ...(earlier?.messages ?? [])],
            cursor: read.pageInfo.hasPreviousPage ? read.pageInfo.startCursor : null,
          })
      }, console.warn)
      .finally(() => setIsLoading(false))
  }, [urql, id, before, isLoading, earlier])
  const messages = useMemo(() => (earlier === null ? known : [...earlier.messages, ...known]), [earlier, known])
  return { messages, hasEarlier: before !== null, isLoading, failure, load }
}
