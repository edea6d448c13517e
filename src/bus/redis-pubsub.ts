import { RedisPubSub } from 'graphql-redis-subscriptions'
import type { PubSubEngine } from 'graphql-subscriptions'
import type { Redis } from 'ioredis'
import { createBusSignature } from './bus-signature.ts'
import type { BusSubscriber } from './cluster-subscriber.ts'

/** Passed to listeners in place of a message without a valid signature. */
export const refusedMessage = Symbol('refused message')

/** The methods of a connection that RedisPubSub uses to publish. */
export interface Publisher {
  publish(channel: string, text: string): Promise<unknown>
  quit(): Promise<unknown>
}

/**
 * Creates a RedisPubSub that signs its messages, and whose rejections are all handled: one that is
 * not, as at a shutdown or an outage, would end the process.
 *
 * All workarounds for graphql-redis-subscriptions 2.7.0 and ioredis 6.0.0 are here. A test in
 * test/bus/bus.test.ts fails when a new version does not need one of them any more.
 *
 * @param options.onFailure - called with every rejection that the libraries do not handle
 * @param options.messageEventName - the event of the subscriber for messages; `message` by default
 */
export function createRedisPubSub(options: {
  readonly publisher: Publisher
  readonly subscriber: Redis | BusSubscriber
  readonly key: string
  readonly onFailure: (error: unknown) => void
  readonly messageEventName?: string
}): PubSubEngine {
  const { publisher, subscriber, key, onFailure, messageEventName = 'message' } = options
  const signature = createBusSignature(key)
  // RedisPubSub drops the promises of its UNSUBSCRIBE and PUNSUBSCRIBE
  // (https://github.com/davidyaha/graphql-redis-subscriptions/issues/593), and ioredis those of the
  // SUBSCRIBEs that it sends after a reconnection (https://github.com/redis/ioredis/pull/2187).
  for (const name of ['subscribe', 'unsubscribe', 'punsubscribe'] as const) {
    const original = subscriber[name].bind(subscriber) as (...args: unknown[]) => Promise<unknown>
    const withFailureHandler = (...args: unknown[]): Promise<unknown> => {
      const promise = original(...args)
      promise.catch(onFailure)
      return promise
    }
    Object.assign(subscriber, { [name]: withFailureHandler })
  }
  const engine = new RedisPubSub({
    // Only these methods are called.
    publisher: publisher as Redis,
    subscriber: subscriber as Redis,
    messageEventName,
    deserializer: (source, context) => {
      const json = signature.open(context?.channel ?? '', String(source))
      return json === null ? refusedMessage : JSON.parse(json)
    },
  })
  // `serializer` does not receive the channel, which the signature includes.
  const publish = async (channel: string, message: unknown): Promise<void> => {
    await publisher.publish(channel, signature.sign(channel, JSON.stringify(message)))
  }
  // RedisPubSub keeps a promise for callers that join while a SUBSCRIBE is pending, and rejects it
  // even if none has joined (https://github.com/davidyaha/graphql-redis-subscriptions/pull/599).
  const underWay: ReadonlyMap<string, { readonly pending: PromiseLike<unknown> }> = Reflect.get(
    engine,
    'subsPendingRefsMap',
  )
  const subscribe = engine.subscribe.bind(engine)
  const subscribeAndHandle: typeof subscribe = (channel, ...rest) => {
    const subscription = subscribe(channel, ...rest)
    underWay.get(channel)?.pending.then(undefined, onFailure)
    return subscription
  }
  return Object.assign(engine, { publish, subscribe: subscribeAndHandle })
}
