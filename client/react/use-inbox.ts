import type { CombinedError } from '@urql/core'
import { useCallback } from 'react'
import {
  MarkAllNotificationsReadDocument,
  MarkNotificationReadDocument,
  NotificationsDocument,
  type NotificationsSubscription,
} from '../gql/graphql.ts'
import type { OutboxContext } from '../live/outbox-exchange.ts'
import { type InboxState, reduceInbox } from '../reduce/inbox.ts'
import { useTidings } from './provider.ts'
import { useLive } from './use-live.ts'
import { describeError } from './words.ts'

/** The viewer's inbox, and what can be done in it. */
export interface LiveInbox {
  /** Null until the snapshot has come, which is the first thing that comes. */
  readonly inbox: InboxState | null
  /** Why it cannot be watched. */
  readonly error: CombinedError | null
  /** Marks one as read, in all tabs. Never rejects. @returns why it was refused; null when it was not */
  readonly markRead: (id: string) => Promise<string | null>
  /** Marks everything as read, in all tabs. Never rejects. @returns why it was refused; null when it was not */
  readonly markAllRead: () => Promise<string | null>
}

/** The fold that all who watch the inbox share. */
function reduceNotifications(state: InboxState | undefined, { notifications }: NotificationsSubscription): InboxState {
  return reduceInbox(state, notifications)
}

const noVariables = {}
/** Marking a notification twice has the effect of marking it once. */
const repeatable: OutboxContext = { repeatable: true }

/** Watches the viewer's inbox; all components share one subscription. That something was read shows when the server says so, in every tab. */
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
