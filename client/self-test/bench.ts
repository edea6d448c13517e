import { studioPlugins } from '../apps/plugins.ts'
import { StartSelfTestDocument, type StartSelfTestInput } from '../gql/graphql.ts'
import {
  createTidingsClient,
  type TaskEvent,
  type TidingsClient,
  type TidingsClientOptions,
  type TransportName,
} from '../index.ts'
import { quantile } from './statistics.ts'
import { createWire, type Wire } from './wire.ts'

/** An event and when it arrived, in milliseconds since 1970. */
export interface Received {
  readonly event: TaskEvent
  readonly receivedAt: number
}

/**
 * The test environment of the checks: clients of their own, and temporary tasks on the deployment.
 */
export interface Bench extends AsyncDisposable {
  /**
   * Creates a client that is disposed with the bench.
   * @param transport - pins one transport. @default the transports of the self-test
   */
  open(transport?: TransportName): Promise<BenchClient>
  /**
   * Starts a task; waits when the deployment asks for it. @throws Error when it refuses permanently
   */
  start(client: TidingsClient, input: StartSelfTestInput): Promise<string>
  /**
   * Measures round trips: pings on a separate WebSocket, or requests on a connection that is
   * already open.
   * @returns the median of several, in milliseconds
   * @throws Error when there is no response
   */
  measureRoundTrip(transport: TransportName | null): Promise<number>
  /**
   * Events that reached a client of this bench twice or out of order, before the client repaired
   * that.
   */
  readonly faults: readonly string[]
}

/** A client with connections that can be counted, cut and observed. */
interface BenchClient {
  readonly client: TidingsClient
  /**
   * Closes its sockets and breaks its event streams without the client's involvement. @returns how
   * many there were
   */
  cut(): number
  readonly wire: Wire
  /** The number of open sockets. */
  readonly openSockets: number
}

/** Whether an event is an entry of the log, rather than a snapshot or an ephemeral event. */
export function isLogged({ event }: Received): boolean {
  return event.__typename !== 'TaskSnapshot' && event.__typename !== 'TaskQueueMoved'
}

/** Records the events of a task from its start to its end, or until the signal aborts. */
export async function record(client: TidingsClient, taskId: string, signal?: AbortSignal): Promise<Received[]> {
  const received: Received[] = []
  for await (const event of client.watchTask(taskId, { fromStart: true, ...(signal && { signal }) }))
    received.push({ event, receivedAt: Date.now() })
  return received
}

const mostWaits = 3
const roundTrips = 5

/** Creates the bench of one self-test. */
export function createBench(options: TidingsClientOptions): Bench {
  const clients = new Set<TidingsClient>()
  const wires: Wire[] = []
  const measure = async (once: () => Promise<void>): Promise<number> => {
    const times: number[] = []
    for (let round = 0; round < roundTrips; round++) {
      const startedAt = performance.now()
      await once()
      times.push(performance.now() - startedAt)
    }
    return quantile(times, 0.5)
  }
  return {
    async open(transport) {
      const wire = createWire()
      wires.push(wire)
      let connections = 0
      const sockets = new Set<WebSocket>()
      class CountedWebSocket extends globalThis.WebSocket {
        constructor(url: string | URL, protocols?: string | string[]) {
          super(url, protocols)
          sockets.add(this)
          const name = `socket ${++connections}`
          this.addEventListener('message', ({ data }) => wire.readMessage(name, data))
          this.addEventListener('close', () => sockets.delete(this))
        }
      }
      const observe: typeof fetch = async (input, init) => {
        const response = await globalThis.fetch(input, init)
        const { body, headers, status, statusText } = response
        if (body === null || headers.get('content-type')?.startsWith('text/event-stream') !== true) return response
        return new Response(wire.readBody(`stream ${++connections}`, body), { headers, status, statusText })
      }
      const client = createTidingsClient({
        plugins: studioPlugins,
        ...options,
        ...(transport === undefined ? {} : { transports: [transport] }),
        storage: null,
        cache: 'none',
        webSocketImpl: CountedWebSocket,
        fetch: observe,
      })
      clients.add(client)
      return {
        client,
        wire,
        cut: () => {
          const open = [...sockets]
          // A close code without a meaning, equivalent to a broken connection.
          for (const socket of open) socket.close(4999, 'cut by the self-test')
          return open.length + wire.breakStreams()
        },
        get openSockets() {
          return sockets.size
        },
      }
    },
    async start(client, input) {
      for (let waits = 0; ; waits++) {
        const { data, error } = await client.urql.mutation(StartSelfTestDocument, { input }).toPromise()
        const result = data?.startSelfTest
        if (result?.__typename === 'StartSelfTestSuccess') return result.task.id
        if (result?.__typename !== 'RateLimitedError' || waits >= mostWaits)
          throw new Error(result?.message ?? error?.message ?? 'The deployment answered nothing')
        await new Promise((resolve) => setTimeout(resolve, result.retryAfterMs))
      }
    },
    async measureRoundTrip(transport) {
      const token = (await options.token?.()) ?? null
      const authorization = token === null ? {} : { authorization: `Bearer ${token}` }
      if (transport !== 'websocket') {
        const ask = async (): Promise<void> => {
          const headers = { 'content-type': 'application/json', ...authorization }
          const body = JSON.stringify({ query: '{ __typename }' })
          await (await fetch(options.url, { method: 'POST', headers, body, cache: 'no-store' })).text()
        }
        // Opens the connection.
        await ask()
        return measure(ask)
      }
      const socket = new WebSocket(options.url.replace(/^http/, 'ws'), 'graphql-transport-ws')
      const exchange = (message: object): Promise<void> =>
        new Promise((resolve, reject) => {
          const fail = (): void => reject(new Error('The WebSocket was closed'))
          socket.addEventListener('message', () => resolve(), { once: true })
          socket.addEventListener('close', fail, { once: true })
          if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
          else fail()
        })
      try {
        await new Promise((resolve, reject) => {
          socket.addEventListener('open', resolve, { once: true })
          socket.addEventListener('error', () => reject(new Error('The WebSocket does not open')), { once: true })
        })
        await exchange({ type: 'connection_init', payload: authorization })
        return await measure(() => exchange({ type: 'ping' }))
      } finally {
        socket.close()
      }
    },
    get faults() {
      return wires.flatMap(({ faults }) => faults)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients].map((client) => client.dispose()))
    },
  }
}
