import { RedisPubSub } from 'graphql-redis-subscriptions'
import type { PubSubEngine } from 'graphql-subscriptions'
import { Command, type Redis } from 'ioredis'
import { createBusSignature } from './bus-signature.ts'
import type { BusSubscriber } from './cluster-subscriber.ts'

/** Passed to listeners in place of a message without a valid signature. */
export const refusedMessage = Symbol('refused message')

/** The methods of a connection that are used to publish. */
interface Publisher {
  sendCommand(command: Command): unknown
  quit(): Promise<unknown>
}

/**
 * Creates a RedisPubSub that signs its messages, and whose rejections are all handled: one that is
 * not, as at a shutdown or an outage, would end the process.
 *
 * All workarounds for graphql-redis-subscriptions 2.7.0 and ioredis 6.0.0 are here. A test in
 * test/bus/bus.test.ts or test/server/garbage.test.ts fails when a new version does not need one of them any more.
 *
 * @param options.onFailure - called with every rejection that the libraries do not handle
 * @param options.isSharded - whether a message goes to the shard of its channel only; false by default
 */
export function createRedisPubSub(options: {
  readonly publisher: Publisher
  readonly subscriber: Redis | BusSubscriber
  readonly key: string
  readonly onFailure: (error: unknown) => void
  readonly isSharded?: boolean
}): PubSubEngine {
  const { publisher, subscriber, key, onFailure, isSharded = false } = options
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
    // Only `quit` is called.
    publisher: publisher as Redis,
    subscriber: subscriber as Redis,
    messageEventName: isSharded ? 'smessage' : 'message',
    deserializer: (source, context) => {
      const json = signature.open(context?.channel ?? '', String(source))
      return json === null ? refusedMessage : JSON.parse(json)
    },
  })
  // `serializer` does not receive the channel, which the signature includes.
  const publish = async (channel: string, message: unknown): Promise<void> => {
    const text = signature.sign(channel, JSON.stringify(message))
    const command = new Command(isSharded ? 'spublish' : 'publish', [channel, text])
    try {
      await publisher.sendCommand(command)
    } finally {
      // What ioredis allocates for a command survives until the whole heap is collected (decision 350).
      command.args = []
    }
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
