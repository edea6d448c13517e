import { SendMessageDocument } from '../../gql/graphql.ts'
import {
  createId,
  createStore,
  type OutboxContext,
  type OutboxEntry,
  type Store,
  type TidingsClient,
} from '../../index.ts'
import { describeError } from '../../react/index.ts'

/** A message of this page that the session does not contain yet. */
export interface UnsentMessage {
  /** Identifies the message when it arrives from the server. */
  readonly clientId: string
  readonly sessionId: string
  readonly text: string
  readonly wantsReply: boolean
  /** `waiting` for the connection, `sending`, `sent` but not received back yet, or `refused`. */
  readonly status: 'waiting' | 'sending' | 'sent' | 'refused'
  /** Why it waits or was refused; null otherwise. */
  readonly reason: string | null
}

/**
 * Messages that are not in their session yet, across all sessions, in the order in which they were
 * written.
 */
export interface Unsent extends Store<readonly UnsentMessage[]> {
  /**
   * Sends a message. It is shown at once, sent after the messages written before it, and kept while
   * there is no connection.
   */
  send(message: { readonly sessionId: string; readonly text: string; readonly wantsReply: boolean }): void
  /** Cancels a waiting message, or removes a refused one. */
  discard(clientId: string): void
  /** Removes messages that have arrived in their session. */
  arrived(clientIds: ReadonlySet<string>): void
}

interface SendInput {
  readonly sessionId: string
  readonly clientId: string
  readonly text: string
  readonly wantsReply?: boolean | null
}

/**
 * Returns the message that an outbox entry sends; null for other mutations, and for documents with
 * an inline input.
 */
export function readMessage({ field, variables }: Pick<OutboxEntry, 'field' | 'variables'>): SendInput | null {
  if (field !== 'sendMessage') return null
  const input = variables['input'] as Partial<SendInput> | null | undefined
  const isWhole = [input?.sessionId, input?.clientId, input?.text].every((value) => typeof value === 'string')
  return isWhole ? (input as SendInput) : null
}

/**
 * Creates the list: messages sent by this page, and messages that the client's outbox kept from an
 * earlier page.
 */
export function createUnsent(client: TidingsClient): Unsent {
  const own = new Map<string, UnsentMessage>()
  const store = createStore<readonly UnsentMessage[]>([])

  const publish = (): void => {
    const { pending, refused } = client.outbox.getSnapshot()
    const all = new Map(own)
    for (const entry of [...pending, ...refused]) {
      const message = readMessage(entry)
      if (message === null) continue
      const { status, reason } = entry
      const { clientId, sessionId, text, wantsReply } = message
      all.set(clientId, {
        clientId,
        sessionId,
        text,
        wantsReply: wantsReply ?? true,
        status,
        reason: status === 'sending' ? null : reason,
      })
    }
    const next = [...all.values()]
    if (JSON.stringify(next) !== JSON.stringify(store.getSnapshot())) store.set(next)
  }
  const put = (message: UnsentMessage): void => {
    own.set(message.clientId, message)
    publish()
  }
  // Listens as long as the client lives: waiting messages must be visible wherever the user
  // navigates.
  client.outbox.subscribe(publish)
  publish()

  return {
    subscribe: store.subscribe,
    getSnapshot: store.getSnapshot,
    send({ sessionId, text, wantsReply }) {
      const message = { clientId: createId(), sessionId, text, wantsReply }
      put({ ...message, status: 'sending', reason: null })
      const context: OutboxContext = { tidingsLine: `session ${sessionId}` }
      const { clientId } = message
      client.urql
        .mutation(SendMessageDocument, { input: message }, context)
        .toPromise()
        .then(({ data, error }) => {
          // Canceled, or already received through the session's subscription.
          if (!own.has(clientId)) return
          const answer = data?.sendMessage
          if (answer?.__typename === 'SendMessageSuccess') return put({ ...message, status: 'sent', reason: null })
          const reason = answer === undefined ? describeError(error) : 'message' in answer ? answer.message : undefined
          put({ ...message, status: 'refused', reason: reason ?? 'The server did not answer.' })
        }, console.warn)
    },
    discard(clientId) {
      const { pending, refused } = client.outbox.getSnapshot()
      own.delete(clientId)
      for (const entry of [...pending, ...refused])
        if (readMessage(entry)?.clientId === clientId) client.outbox.dismiss(entry.id)
      publish()
    },
    arrived(clientIds) {
      let isChanged = false
      for (const clientId of clientIds) isChanged = own.delete(clientId) || isChanged
      if (isChanged) publish()
    },
  }
}

const ofClient = new WeakMap<TidingsClient, Unsent>()

/** Returns the unsent messages of a client. */
export function unsentOf(client: TidingsClient): Unsent {
  const unsent = ofClient.get(client) ?? createUnsent(client)
  ofClient.set(client, unsent)
  return unsent
}
