import slotOf from 'cluster-key-slot'
import type { Cluster } from 'ioredis'

/** The methods of a connection that RedisPubSub uses to subscribe. */
export interface BusSubscriber {
  // biome-ignore lint/suspicious/noExplicitAny: as in ioredis, since each event has arguments of its own
  on(event: string, listener: (...args: any[]) => void): unknown
  subscribe(channel: string, callback?: (error: Error | null, count: number) => void): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  psubscribe(pattern: string, callback?: (error: Error | null, count: number) => void): Promise<unknown>
  punsubscribe(pattern: string): Promise<unknown>
  quit(): Promise<unknown>
}

/** The subscriptions to a cluster. */
export interface ClusterSubscriber extends BusSubscriber {
  /** Whether every server that has channels has answered since messages may have been missed. */
  isConfirmed(): boolean
  /**
   * Asks every server that has channels for an answer on the connection of its messages; a server that
   * does not answer is asked again.
   */
  probe(): void
}

const retryMs = 200

/**
 * Subscribes to channels of a cluster's shards, whose messages arrive as `smessage`.
 *
 * ioredis renews subscriptions when slots move and primaries change, without an event for the end of the
 * renewal, and messages get lost meanwhile. So after each change of the connections, every server answers a
 * command that was sent after the subscriptions; then `onGap` is called.
 *
 * @param cluster - with `shardedSubscribers`
 */
export function createShardedSubscriber(cluster: Cluster, onGap: () => void): ClusterSubscriber {
  const channels = new Set<string>()
  /** One channel of each server that has any. */
  const representatives = (): readonly string[] => {
    const byServer = new Map<string, string>()
    for (const channel of channels) {
      const server = cluster.slots[slotOf(channel)]?.[0] ?? ''
      if (!byServer.has(server)) byServer.set(server, channel)
    }
    return [...byServer.values()]
  }
  const confirmation = createConfirmation(onGap, async () => {
    await Promise.all(representatives().map((channel) => cluster.sunsubscribe(unusedBeside(channel))))
  })
  cluster.on('subscribersReady', confirmation.start)
  cluster.on('ready', confirmation.start)
  return {
    isConfirmed: confirmation.isConfirmed,
    probe: confirmation.probe,
    on: (event, listener) => cluster.on(event, listener),
    async subscribe(channel, callback) {
      channels.add(channel)
      try {
        await cluster.ssubscribe(channel)
      } catch {
        // ioredis keeps the channel, and subscribes when it can.
        confirmation.start()
      }
      callback?.(null, channels.size)
    },
    async unsubscribe(channel) {
      channels.delete(channel)
      await cluster.sunsubscribe(channel)
    },
    psubscribe: () => Promise.reject(new TypeError('Shards have no patterns')),
    punsubscribe: () => Promise.resolve(),
    quit: () => cluster.quit(),
  }
}

/**
 * Subscribes to channels that every server of a cluster receives. ioredis holds one connection to any of
 * the servers for them, and does not notice when that one is silent: the probe does.
 */
export function createClassicSubscriber(
  cluster: Cluster,
  { onGap, silenceMs }: { readonly onGap: () => void; readonly silenceMs: number },
): ClusterSubscriber {
  const confirmation = createConfirmation(onGap, async () => {
    const timeout = Promise.withResolvers<never>()
    const timer = setTimeout(() => timeout.reject(new Error('The server does not answer')), silenceMs)
    try {
      await Promise.race([cluster.unsubscribe('tidings-probe'), timeout.promise])
    } catch (error) {
      if (cluster.status === 'ready') cluster.disconnect(true)
      throw error
    } finally {
      clearTimeout(timer)
    }
  })
  cluster.on('-node', confirmation.start)
  cluster.on('ready', confirmation.start)
  return {
    isConfirmed: confirmation.isConfirmed,
    probe: confirmation.probe,
    on: (event, listener) => cluster.on(event, listener),
    subscribe: (channel, callback) =>
      cluster.subscribe(channel, (error: Error | null | undefined, count: unknown) =>
        callback?.(error ?? null, Number(count)),
      ),
    unsubscribe: (channel) => cluster.unsubscribe(channel),
    psubscribe: () => Promise.reject(new TypeError('There are no patterns')),
    punsubscribe: () => Promise.resolve(),
    quit: () => cluster.quit(),
  }
}

/** Asks until there is an answer, and reports a gap after each time when there may have been none. */
function createConfirmation(onGap: () => void, ask: () => Promise<void>) {
  let isConfirmed = false
  let isAsking = false
  const start = (): void => {
    isConfirmed = false
    if (!isAsking) void confirm()
  }
  const confirm = async (): Promise<void> => {
    isAsking = true
    try {
      while (!isConfirmed) {
        // Whatever happens while it waits makes it ask again.
        isConfirmed = true
        await ask()
      }
      onGap()
    } catch {
      isConfirmed = false
      setTimeout(() => {
        if (!isConfirmed && !isAsking) void confirm()
      }, retryMs).unref()
    } finally {
      isAsking = false
    }
  }
  return {
    start,
    isConfirmed: () => isConfirmed && !isAsking,
    probe(): void {
      if (isConfirmed && !isAsking) ask().catch(start)
    },
  }
}

/** Returns the name of an unused channel in the same slot. */
function unusedBeside(channel: string): string {
  const start = channel.indexOf('{')
  const end = channel.indexOf('}', start)
  const hasTag = start !== -1 && end > start + 1
  const tag = hasTag ? channel.slice(start + 1, end) : channel
  return `{${tag}}-probe`
}
