import { setTimeout as pause } from 'node:timers/promises'
import { vi } from 'vitest'
import type { TidingsClient } from '../../client/tidings-client.ts'
import type { TransportName } from '../../client/transport/transport.ts'
import { type Cluster, type Sight, startSelfTest, watchWhole } from './servers.ts'

const askTask = 'query Ask($id: ID!) { task(id: $id) { id status } }'
// Executed once however often it is sent: the client adds a key.
const importText = `mutation Import($text: String!) {
  importDocument(input: { source: { text: $text }, name: "number.md" }) { __typename }
}`
const ways: readonly (readonly TransportName[] | undefined)[] = [undefined, ['websocket'], ['sse'], ['polling']]

/**
 * Simulated users: some follow tasks, on every transport, and some continuously send queries and
 * start tasks.
 */
export interface Load {
  /** Each task, with what each of its subscribers has received. */
  readonly tasks: readonly { readonly id: string; readonly sights: readonly Sight[] }[]
  /** Errors of any client, with the messages that its page would show. */
  readonly errors: readonly string[]
  /** The number of answered queries and started tasks so far. */
  readonly answers: number
  /** The connection states so far of clients that may use every transport. */
  readonly statuses: ReadonlySet<string>
  /** Resolves when every subscriber has seen `count` items complete. */
  items(count: number): Promise<void>
  /** Waits until all tasks have ended and were seen to their end, then stops sending. */
  end(): Promise<void>
}

/** Starts the load over one address. @param options.work - what each followed task does */
export async function startLoad(options: {
  readonly cluster: Cluster
  readonly url: string
  readonly work: { readonly items: number; readonly everyMs: number }
  readonly tasks?: number
}): Promise<Load> {
  const { cluster, url, work, tasks: count = 3 } = options
  const errors: string[] = []
  const statuses = new Set<string>()
  const clients = ways.map((transports) => cluster.clientAt(url, transports))
  const [any] = clients as [TidingsClient, ...TidingsClient[]]
  any.connection.subscribe(() => statuses.add(any.connection.getSnapshot().status))
  const tasks = await Promise.all(
    Array.from({ length: count }, async () => {
      const id = await startSelfTest(any, { ...work, textLength: 40 })
      return { id, sights: clients.map((client) => watchWhole(client, id)) }
    }),
  )

  let isOver = false
  let answers = 0
  const note = async (what: string, act: () => Promise<string | undefined>): Promise<void> => {
    try {
      const message = await act()
      if (message === undefined) answers++
      else errors.push(`${what}: ${message}`)
    } catch (error) {
      errors.push(`${what}: ${(error as Error).message}`)
    }
  }
  const ask = async (client: TidingsClient): Promise<void> => {
    for (let turn = 0; !isOver; turn++) {
      const { id } = tasks[turn % tasks.length] ?? { id: '' }
      await note('a query', async () => {
        const { data, error } = await client.urql.query<{ task: { id: string } | null }>(askTask, { id }).toPromise()
        return error?.message ?? (data?.task?.id === id ? undefined : 'no task')
      })
      if (turn % 20 === 0)
        await note('a mutation', async () => {
          const { data, error } = await client.urql
            .mutation<{ importDocument: { __typename: string } }>(importText, { text: `# Number ${turn}` })
            .toPromise()
          const type = data?.importDocument.__typename
          return type === 'ImportDocumentSuccess' ? undefined : (error?.message ?? type ?? 'no answer')
        })
      await pause(10)
    }
  }
  const asking = Promise.all([ask(any), ask(cluster.clientAt(url))])
  return {
    tasks,
    errors,
    statuses,
    get answers() {
      return answers
    },
    async items(wanted) {
      await Promise.all(tasks.flatMap(({ sights }) => sights.map((sight) => sight.items(wanted))))
    },
    async end() {
      try {
        await Promise.all(tasks.flatMap(({ sights }) => sights.map(({ whole }) => whole)))
        const before = answers
        // Whatever happened last: requests are answered again.
        await vi.waitFor(() => {
          if (answers < before + 5) throw new Error('Nobody is answered')
        })
      } finally {
        isOver = true
        await asking
      }
    },
  }
}
