import { StartSelfTestDocument, type StartSelfTestInput } from '../gql/graphql.ts'
import type { TidingsClientOptions } from '../live/options.ts'
import type { TaskEvent } from '../reduce/task-state.ts'
import { createTidingsClient, type TidingsClient } from '../tidings-client.ts'

/** An event and when it came, in milliseconds since 1970. */
export interface Received {
  readonly event: TaskEvent
  readonly receivedAt: number
}

/** What the checks measure with: clients of their own and throw-away tasks on the deployment. */
export interface Bench extends AsyncDisposable {
  /** A client that is disposed with the bench. */
  open(): Promise<BenchClient>
  /** Starts a task; waits when the deployment asks to. @throws Error when it refuses for good */
  start(client: TidingsClient, input: StartSelfTestInput): Promise<string>
}

/** A client whose sockets can be counted and cut. */
export interface BenchClient {
  readonly client: TidingsClient
  /** Closes its sockets under it; how many there were. */
  cut(): number
  /** Sockets that are open. */
  readonly openSockets: number
}

/** Whether it is an entry of the log, and not the report of a passing state. */
export function isLogged({ event }: Received): boolean {
  return event.__typename !== 'TaskSnapshot' && event.__typename !== 'TaskQueueMoved'
}

/** Everything that happens to a task from its beginning to its end. */
export async function record(client: TidingsClient, taskId: string): Promise<Received[]> {
  const received: Received[] = []
  for await (const event of client.watchTask(taskId, { fromStart: true }))
    received.push({ event, receivedAt: Date.now() })
  return received
}

const mostWaits = 3

/** Creates the bench of one self-test. */
export function createBench(options: TidingsClientOptions): Bench {
  const clients = new Set<TidingsClient>()
  return {
    async open() {
      const sockets = new Set<WebSocket>()
      class CountedWebSocket extends globalThis.WebSocket {
        constructor(url: string | URL, protocols?: string | string[]) {
          super(url, protocols)
          sockets.add(this)
          this.addEventListener('close', () => sockets.delete(this))
        }
      }
      const client = createTidingsClient({ ...options, storage: null, cache: 'none', webSocketImpl: CountedWebSocket })
      clients.add(client)
      return {
        client,
        cut: () => {
          const open = [...sockets]
          // A code that means nothing to anybody: as good as a broken line.
          for (const socket of open) socket.close(4999, 'cut by the self-test')
          return open.length
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
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients].map((client) => client.dispose()))
    },
  }
}
