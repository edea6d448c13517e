import { ApolloClient, gql, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { type Client, createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import { documents, requestOf } from './documents.ts'
import type { SubscriberClient, SubscriberOptions } from './subscriber.ts'

const keepAliveMs = 2_000
const silentMs = 2_000

/** Creates a client as the documentation of graphql-ws says, with a deadline for pongs. */
function connect(url: string, onConnected: () => void): Client {
  let socket: WebSocket | undefined
  let timer: NodeJS.Timeout | undefined
  return createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, Math.min(1_000, 100 * 2 ** retries))),
    keepAlive: keepAliveMs,
    on: {
      opened: (opened) => {
        socket = opened as WebSocket
      },
      connected: onConnected,
      ping: (isReceived) => {
        if (!isReceived) timer = setTimeout(() => socket?.terminate(), silentMs)
      },
      pong: (isReceived) => {
        if (isReceived) clearTimeout(timer)
      },
      closed: () => clearTimeout(timer),
    },
  })
}

/**
 * Creates a plain graphql-ws client: it has no cursor, so each connection begins with a snapshot.
 */
export function createGraphqlWsSubscriber(options: SubscriberOptions): SubscriberClient {
  const { kind, name, recorder, random, urls } = options
  const subs = new Set<string>()
  const client = connect(random.pick(urls), () => {
    for (const sub of subs) recorder.connected(sub)
  })
  return {
    kind,
    name,
    watch(sub, topic) {
      recorder.subscribed({ sub, client: kind, topic: topic.name, from: 'now', hasCursor: false })
      subs.add(sub)
      const unsubscribe = client.subscribe(requestOf({ ...topic, from: 'now' }), {
        next: (result) => recorder.result(sub, result as never),
        error: (error) => {
          subs.delete(sub)
          recorder.ended(sub, 'error', describe(error))
        },
        complete: () => {
          subs.delete(sub)
          recorder.ended(sub, 'complete')
        },
      })
      return () => {
        subs.delete(sub)
        recorder.ended(sub, 'stopped')
        unsubscribe()
      }
    },
    async [Symbol.asyncDispose]() {
      await client.dispose()
    },
  }
}

const parsed = new Map(Object.values(documents).map((text) => [text, gql(text)]))

/** Creates Apollo Client over graphql-ws, as in docs/client.md. */
export function createApolloSubscriber(options: SubscriberOptions): SubscriberClient {
  const { kind, name, recorder, random, urls } = options
  const subs = new Set<string>()
  const socket = connect(random.pick(urls), () => {
    for (const sub of subs) recorder.connected(sub)
  })
  const apollo = new ApolloClient({ cache: new InMemoryCache(), link: new GraphQLWsLink(socket) })
  return {
    kind,
    name,
    watch(sub, topic) {
      recorder.subscribed({ sub, client: kind, topic: topic.name, from: 'now', hasCursor: false })
      subs.add(sub)
      const { query, variables } = requestOf({ ...topic, from: 'now' })
      const document = parsed.get(query)
      if (document === undefined) throw new Error('The document is not known')
      const end = (how: 'complete' | 'error' | 'stopped', error?: string): void => {
        subs.delete(sub)
        recorder.ended(sub, how, error)
      }
      const subscription = apollo
        .subscribe({ query: document, variables: { ...variables }, fetchPolicy: 'no-cache' })
        .subscribe({
          next: ({ data, error, extensions }) => {
            if (error !== undefined) end('error', describe(error))
            else recorder.result(sub, { data, extensions })
          },
          error: (error) => end('error', describe(error)),
          complete: () => end('complete'),
        })
      return () => {
        end('stopped')
        subscription.unsubscribe()
      }
    },
    async [Symbol.asyncDispose]() {
      apollo.stop()
      await socket.dispose()
    },
  }
}

/** Describes an error with its codes, which Apollo Client keeps in `errors` and not in the message. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error)
  return 'errors' in error ? `${error.message} ${JSON.stringify(error.errors)}` : error.message
}
