import { useCallback, useMemo, useState } from 'react'
import type { SessionMessage, SessionState } from '../../apps/sessions/session-state.ts'
import { EarlierMessagesDocument } from '../../gql/graphql.ts'
import { describeError, useTidings } from '../../react/index.ts'

/** A conversation with the earlier messages loaded so far. */
export interface Earlier {
  /** Sorted by position. */
  readonly messages: readonly SessionMessage[]
  readonly hasEarlier: boolean
  readonly isLoading: boolean
  /** Why the last attempt to load messages failed; null otherwise. */
  readonly failure: string | null
  readonly load: () => void
}

interface Page {
  readonly messages: readonly SessionMessage[]
  readonly cursor: string | null
}
const noMessages: readonly SessionMessage[] = []

/** Loads earlier messages of a conversation, page by page. */
export function useEarlier(session: SessionState | null): Earlier {
  const { urql } = useTidings()
  const [page, setPage] = useState<Page | null>(null)
  const [isLoading, setIsLoading] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  const liveMessages = session?.messages ?? noMessages
  const first = liveMessages[0]?.position ?? 1
  // After a long absence, messages between the two may be missing; the earlier ones are then loaded
  // again.
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
  const messages = useMemo(
    () => (earlier === null ? liveMessages : [...earlier.messages, ...liveMessages]),
    [earlier, liveMessages],
  )
  return { messages, hasEarlier: before !== null, isLoading, failure, load }
}
