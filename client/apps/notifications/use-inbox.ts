import type { CombinedError } from '@urql/core'
import { useCallback } from 'react'
import {
  MarkAllNotificationsReadDocument,
  MarkNotificationReadDocument,
  NotificationsDocument,
  type NotificationsSubscription,
} from '../../gql/graphql.ts'
import type { OutboxContext } from '../../index.ts'
import { describeError, useLive, useTidings } from '../../react/index.ts'
import { type InboxState, reduceInbox } from './reduce-inbox.ts'

/** The viewer's inbox and its actions. */
export interface LiveInbox {
  /** Null until the snapshot has arrived, which is the first event. */
  readonly inbox: InboxState | null
  /** Why the inbox cannot be watched; null otherwise. */
  readonly error: CombinedError | null
  /**
   * Marks a notification as read, in all tabs. Never rejects.
   * @returns why it was refused; null on success
   */
  readonly markRead: (id: string) => Promise<string | null>
  /**
   * Marks everything as read, in all tabs. Never rejects. @returns why it was refused; null on
   * success
   */
  readonly markAllRead: () => Promise<string | null>
}

/** The reducer shared by all subscribers of the inbox. */
function reduceNotifications(state: InboxState | undefined, { notifications }: NotificationsSubscription): InboxState {
  return reduceInbox(state, notifications)
}

const noVariables = {}
/** Marking a notification twice has the same effect as marking it once. */
const repeatable: OutboxContext = { repeatable: true }

/**
 * Watches the viewer's inbox; all components share one subscription. A notification shows as read
 * when the server confirms it, in every tab.
 */
export function useInbox(): LiveInbox {
  const { urql } = useTidings()
  const { state, error } = useLive(NotificationsDocument, noVariables, reduceNotifications)
  const markRead = useCallback(
    async (id: string): Promise<string | null> => {
      const { data, error: failure } = await urql.mutation(MarkNotificationReadDocument, { id }, repeatable).toPromise()
      const answer = data?.markNotificationRead
      return answer?.__typename === 'NotFoundError' ? answer.message : describeError(failure)
    },
    [urql],
  )
  const markAllRead = useCallback(async (): Promise<string | null> => {
    const { error: failure } = await urql.mutation(MarkAllNotificationsReadDocument, {}).toPromise()
    return describeError(failure)
  }, [urql])
  return { inbox: state ?? null, error, markRead, markAllRead }
}
