import { Client, type ExecutionResult, fetchExchange, subscriptionExchange } from '@urql/core'
import { studioPlugins } from '../../../client/apps/plugins.ts'
import { createStore, type MutableStore } from '../../../client/base/store.ts'
import type { ConnectionState } from '../../../client/connection/connection-state.ts'
import type { OutboxState } from '../../../client/outbox/outbox.ts'
import type { UploadProgress } from '../../../client/outbox/uploads.ts'
import type { TaskEvent } from '../../../client/reduce/task-state.ts'
import type { TidingsClient } from '../../../client/tidings-client.ts'

/** A subscription as the transport sees it. */
export interface Wire {
  readonly variables: Readonly<Record<string, unknown>>
  readonly isOpen: boolean
  send(event: TaskEvent): void
  /** The same for any subscription: the data of a result. */
  sendData(data: object): void
  refuse(message: string): void
  complete(): void
}

/** A client with a transport driven by the test; everything above it is real. */
export interface DrivenClient extends TidingsClient {
  /** Every subscription that was ever opened, in order. */
  readonly wires: readonly Wire[]
  /** Returns the only open subscription. @throws Error when there is none, or more than one */
  wire(): Wire
  readonly connection: TidingsClient['connection'] & MutableStore<ConnectionState>
  readonly outbox: TidingsClient['outbox'] & Pick<MutableStore<OutboxState>, 'set'>
  /** Bodies of the requests over HTTP. */
  readonly requests: readonly { readonly operationName: string; readonly variables: Record<string, unknown> }[]
}

/** Creates a driven client. @param answer - returns the result of a query or mutation */
export function createDrivenClient(
  answer: (operationName: string, variables: Record<string, unknown>) => unknown = () => ({ data: null }),
): DrivenClient {
  const wires: Wire[] = []
  const requests: { operationName: string; variables: Record<string, unknown> }[] = []
  const urql = new Client({
    url: 'http://server.invalid/graphql',
    preferGetMethod: false,
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ variables }) => ({
          subscribe(sink) {
            let isOpen = true
            wires.push({
              variables: variables ?? {},
              get isOpen() {
                return isOpen
              },
              send: (event) => sink.next({ data: { taskProgress: event } } as ExecutionResult),
              sendData: (data) => sink.next({ data } as ExecutionResult),
              refuse: (message) => sink.next({ errors: [{ message }] } as unknown as ExecutionResult),
              complete() {
                isOpen = false
                sink.complete()
              },
            })
            return {
              unsubscribe() {
                isOpen = false
              },
            }
          },
        }),
      }),
      fetchExchange,
    ],
    fetch: async (_url, init) => {
      const { operationName, variables } = JSON.parse(String(init?.body))
      requests.push({ operationName, variables })
      return Response.json(await answer(operationName, variables))
    },
  })
  const connection = createStore<ConnectionState>({
    status: 'live',
    transport: 'websocket',
    attempt: 0,
    nextTryAt: null,
    lastSignOfLifeAt: null,
    roundTripMs: null,
    reason: null,
  })
  const outbox = createStore<OutboxState>({ pending: [], refused: [] })
  const dispose = async (): Promise<void> => undefined
  return {
    urql,
    wires,
    requests,
    wire() {
      const open = wires.filter(({ isOpen }) => isOpen)
      const [one] = open
      if (one === undefined || open.length > 1) throw new Error(`${open.length} subscriptions are open`)
      return one
    },
    connection: Object.assign(connection, { reconnect: () => undefined }),
    outbox: { ...outbox, dismiss: () => undefined },
    uploads: { ...createStore<ReadonlyMap<Blob, UploadProgress>>(new Map()), cancel: () => undefined },
    watchTask: () => {
      throw new Error('Hooks do not use it')
    },
    plugins: studioPlugins,
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}
