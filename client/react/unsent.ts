import { SendMessageDocument } from '../gql/graphql.ts'
import { createId } from '../live/environment.ts'
import type { OutboxEntry } from '../live/outbox.ts'
import type { OutboxContext } from '../live/outbox-exchange.ts'
import { createStore, type Store } from '../live/store.ts'
import type { TidingsClient } from '../tidings-client.ts'
import { describeError } from './words.ts'

/** A message of this page that the session does not hold yet. */
export interface UnsentMessage {
  /** By which it is known again when it comes. */
  readonly clientId: string
  readonly sessionId: string
  readonly text: string
  readonly wantsReply: boolean
  /** `waiting` for the connection, `sending`, `sent` and not come back yet, or `refused`. */
  readonly status: 'waiting' | 'sending' | 'sent' | 'refused'
  /** Why it waits or was refused; null otherwise. */
  readonly reason: string | null
}

/** What was written and is not in its session yet, over all sessions, in the order in which it was written. */
export interface Unsent extends Store<readonly UnsentMessage[]> {
  /** Sends a message: shown at once, sent after those written before it, kept while there is no connection. */
  send(message: { readonly sessionId: string; readonly text: string; readonly wantsReply: boolean }): void
  /** Takes back one that waits, or forgets one that was refused. */
  discard(clientId: string): void
  /** Forgets those that have come. */
  arrived(clientIds: ReadonlySet<string>): void
}

interface SendInput {
  readonly sessionId: string
  readonly clientId: string
  readonly text: string
  readonly wantsReply?: boolean | null
}

/** The message that an entry of the outbox sends; null for other mutations, and for documents that write their input out. */
export function readMessage({ field, variables }: Pick<OutboxEntry, 'field' | 'variables'>): SendInput | null {
  if (field !== 'sendMessage') return null
  const input = variables['input'] as Partial<SendInput> | null | undefined
  const isWhole = [input?.sessionId, input?.clientId, input?.text].every((value) => typeof value === 'string')
  return isWhole ? (input as SendInput) : null
}

/** Creates it: messages of this page as they are sent, and those that the client's outbox has kept from an earlier page. */
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
  // As long as the client lives: what waits is to be seen wherever the page goes.
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
          // Taken back, or come already by the session's own stream.
          if (!own.has(clientId)) return
          const answer = data?.sendMessage
          if (answer?.__typename === 'SendMessageSuccess') return put({ ...message, status: 'sent', reason: null })
          const said = answer === undefined ? describeError(error) : 'message' in answer ? answer.message : undefined
          put({ ...message, status: 'refused', reason: said ?? 'The server did not answer.' })
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

/** The one of a client. */
export function unsentOf(client: TidingsClient): Unsent {
  const unsent = ofClient.get(client) ?? createUnsent(client)
  ofClient.set(client, unsent)
  return unsent
}
