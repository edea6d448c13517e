/** The viewer beside the attacks of `npm run attacks`. */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'

/** Latencies in milliseconds, by the second in which they began: those of one second depend on each other. */
export interface Latencies {
  readonly queries: readonly number[][]
  /** From the report of a task to the arrival of the event. */
  readonly events: readonly number[][]
}

/** A viewer that queries and receives events. Disposing ends its tasks and disconnects it. */
export interface Bystander extends AsyncDisposable {
  /** Returns the latencies of the queries and events that were sent while `work` was pending. */
  during(work: Promise<unknown>): Promise<Latencies>
  readonly isClosed: boolean
  /** Errors in its replies: a refused query would count as a fast one. */
  readonly failures: readonly string[]
}

interface Message {
  readonly type: string
  readonly id?: string
  readonly payload?: {
    readonly data?: {
      readonly taskProgress?: { readonly text?: string }
      readonly startSelfTest?: { readonly task?: { readonly id: string } }
    } | null
    readonly errors?: readonly { readonly message: string }[]
  }
}

/** Not a multiple of the interval in which the attacker sends: they would meet always or never. */
const queryEveryMs = 17
/** Each item is one event with a time; a task lasts for about 18 s, and another one follows it. */
const tasks = 2
const taskInput = '{ items: 500, everyMs: 30, textLength: 40 }'
/** The longest wait for the first events, and for those that are under way. */
const firstEventsMs = 30_000
const underWayMs = 1_000

/** Connects a viewer, and resolves when it receives events. */
export async function connectBystander(port: number, token: string): Promise<Bystander> {
  const samples: { readonly of: keyof Latencies; readonly sentAt: number; readonly latencyMs: number }[] = []
  const sentAt = new Map<string, number>()
  const failures: string[] = []
  const running = new Map<number, string>()
  let isClosed = false
  let isEnding = false
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws')
  socket.on('error', (error) => failures.push(error.message))
  await once(socket, 'open')
  socket.on('close', () => {
    isClosed = true
  })
  const send = (message: object): void => socket.send(JSON.stringify(message))
  const subscribe = (id: string, query: string, variables?: object): void =>
    send({ type: 'subscribe', id, payload: { query, variables } })
  const startTask = (index: number): void =>
    subscribe(
      `start ${index}`,
      `mutation { startSelfTest(input: ${taskInput}) { ... on StartSelfTestSuccess { task { id } } } }`,
    )
  const acked = Promise.withResolvers<void>()
  socket.on('message', (data: Buffer) => {
    const now = readMs()
    const { type, id = '', payload } = JSON.parse(String(data)) as Message
    if (type === 'connection_ack') acked.resolve()
    if (type === 'error') failures.push(JSON.stringify(payload))
    if (payload?.errors !== undefined) failures.push(payload.errors.map(({ message }) => message).join(', '))
    const [subject = '', index] = id.split(' ')
    if (type === 'next' && subject === 'query') {
      const at = sentAt.get(id) ?? 0
      samples.push({ of: 'queries', sentAt: at, latencyMs: now - at })
      sentAt.delete(id)
    }
    const taskId = payload?.data?.startSelfTest?.task?.id
    if (taskId !== undefined) {
      running.set(Number(index), taskId)
      const query = 'subscription ($id: ID!) { taskProgress(taskId: $id) { __typename ... on TaskOutput { text } } }'
      subscribe(`events ${index}`, query, { id: taskId })
    }
    const text = payload?.data?.taskProgress?.text
    if (text !== undefined) {
      const at = Number(text.split(' ').at(-2)) / 1e6
      samples.push({ of: 'events', sentAt: at, latencyMs: now - at })
    }
    if (type === 'complete' && subject === 'events' && !isEnding) startTask(Number(index))
  })
  send({ type: 'connection_init', payload: { token } })
  await acked.promise
  for (let index = 0; index < tasks; index++) startTask(index)
  const deadline = Date.now() + firstEventsMs
  while (samples.length < 10 * tasks) {
    if (Date.now() > deadline) throw new Error(`The bystander receives no events: ${failures.join(', ')}`)
    await delay(50)
  }
  let queries = 0
  const timer = setInterval(() => {
    if (isClosed) return
    const id = `query ${++queries}`
    sentAt.set(id, readMs())
    subscribe(id, '{ viewer { id } }')
  }, queryEveryMs)
  return {
    failures,
    get isClosed() {
      return isClosed
    },
    async during(work) {
      const startedAt = readMs()
      await work
      const endedAt = readMs()
      await delay(underWayMs)
      // A query without an answer has waited until now.
      for (const at of sentAt.values()) samples.push({ of: 'queries', sentAt: at, latencyMs: readMs() - at })
      const measured = samples.filter((sample) => sample.sentAt >= startedAt && sample.sentAt <= endedAt)
      const latenciesOf = (of: keyof Latencies): number[][] => {
        const secondOf = (ms: number): number => Math.floor((ms - startedAt) / 1_000)
        const seconds: number[][] = Array.from({ length: secondOf(endedAt) + 1 }, () => [])
        for (const sample of measured) if (sample.of === of) seconds[secondOf(sample.sentAt)]?.push(sample.latencyMs)
        return seconds
      }
      return { queries: latenciesOf('queries'), events: latenciesOf('events') }
    },
    async [Symbol.asyncDispose]() {
      isEnding = true
      clearInterval(timer)
      for (const taskId of running.values())
        subscribe(`cancel ${taskId}`, 'mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }', {
          id: taskId,
        })
      await delay(underWayMs)
      socket.terminate()
    },
  }
}

/** The clock that all processes of this machine share. */
function readMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
