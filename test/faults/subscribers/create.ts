import type { SubscriberKind } from '../history/history.ts'
import { createEventSourceSubscriber } from './event-source.ts'
import { createApolloSubscriber, createGraphqlWsSubscriber } from './graphql-ws.ts'
import { createRawPollingSubscriber } from './raw-polling.ts'
import { createRawWebSocketSubscriber } from './raw-websocket.ts'
import type { SubscriberClient, SubscriberOptions } from './subscriber.ts'
import { createTidingsSubscriber } from './tidings.ts'

const factories: Readonly<Record<SubscriberKind, (options: SubscriberOptions) => SubscriberClient>> = {
  websocket: (options) => createTidingsSubscriber(options, options.random.pick(options.urls), 'websocket'),
  sse: (options) => createTidingsSubscriber(options, options.random.pick(options.urls), 'sse'),
  polling: (options) => createTidingsSubscriber(options, options.random.pick(options.urls), 'polling'),
  'nginx-websocket': (options) => createTidingsSubscriber(options, options.nginxUrl, 'websocket'),
  'nginx-sse': (options) => createTidingsSubscriber(options, options.nginxUrl, 'sse'),
  'raw-websocket': createRawWebSocketSubscriber,
  'raw-websocket-without-cursor': createGraphqlWsSubscriber,
  apollo: createApolloSubscriber,
  'event-source': createEventSourceSubscriber,
  'raw-polling': createRawPollingSubscriber,
}

/** All kinds of subscribers. */
export const subscriberKinds = Object.keys(factories) as readonly SubscriberKind[]

/** Creates a client of a kind. */
export function createSubscriber(options: SubscriberOptions): SubscriberClient {
  return factories[options.kind](options)
}
