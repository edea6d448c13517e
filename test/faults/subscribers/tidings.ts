import { gql } from '@urql/core'
import { onEnd, pipe, subscribe } from 'wonka'
import { studioPlugins } from '../../../client/apps/plugins.ts'
import { createTidingsClient } from '../../../client/tidings-client.ts'
import type { TransportName } from '../../../client/transport/transport.ts'
import { documents, requestOf } from './documents.ts'
import type { SubscriberClient, SubscriberOptions } from './subscriber.ts'

/**
 * For quick recovery, as `LEASE_MS` is for workers: a silent connection is noticed within 4 s. The defaults (13 s) cost a
 * third of the pings.
 */
const timing = { pingMs: 2_000, pongMs: 2_000, silenceMs: 4_000, maxReconnectMs: 2_000, maxPollMs: 2_000 }

const parsed = new Map(Object.values(documents).map((text) => [text, gql(text)]))

/** Creates our own client, pinned to one transport. */
export function createTidingsSubscriber(
  { kind, name, recorder }: SubscriberOptions,
  url: string,
  transport: TransportName,
): SubscriberClient {
  const client = createTidingsClient({
    plugins: studioPlugins,
    url: `${url}/graphql`,
    storage: null,
    cache: 'none',
    transports: [transport],
    timing,
  })
  return {
    kind,
    name,
    watch(sub, topic) {
      recorder.subscribed({ sub, client: kind, topic: topic.name, from: topic.from, hasCursor: true })
      const { query, variables } = requestOf(topic)
      const document = parsed.get(query)
      if (document === undefined) throw new Error('The document is not known')
      const { unsubscribe } = pipe(
        client.urql.subscription(document, variables),
        onEnd(() => recorder.ended(sub, 'complete')),
        subscribe(({ data, error, extensions }) => {
          const errors = error?.graphQLErrors ?? []
          if (error !== undefined && errors.length === 0) recorder.ended(sub, 'error', error.message)
          else recorder.result(sub, { data, errors, extensions })
        }),
      )
      return () => {
        recorder.ended(sub, 'stopped')
        unsubscribe()
      }
    },
    [Symbol.asyncDispose]: () => client.dispose(),
  }
}
