import { pause, type SubscriberClient } from '../subscribers/subscriber.ts'
import type { Environment } from './environment.ts'
import type { Random } from './random.ts'
import type { Recorder } from './recorder.ts'
import { createRequests, type MutationResult, type Requests } from './requests.ts'

/** Tasks of all kinds, sessions, roadmaps, quizzes, cancellations, deletions and pruning, with subscribers on each. */
export interface Load {
  /** The names of all topics that were followed. */
  readonly topics: ReadonlySet<string>
  /** The names of those that were deleted. */
  readonly deleted: ReadonlySet<string>
  /** Starts no more tasks, and resolves when every mutation was answered. */
  end(): Promise<void>
}

/** Options of {@link startLoad}. */
export interface LoadOptions {
  readonly environment: Environment
  readonly recorder: Recorder
  readonly random: Random
  readonly clients: readonly SubscriberClient[]
  /** Unique within the database. */
  readonly runName: string
  /** Tasks started per second. */
  readonly rate: number
  /** Subscribers of each task. */
  readonly fanOut: number
}

interface SelfTestInput {
  readonly items: number
  readonly everyMs: number
  readonly textLength: number
  readonly failAfter?: number
  readonly retryable?: boolean
}

/** Inputs of synthetic tasks; repeated entries are more frequent. */
const selfTests: readonly SelfTestInput[] = [
  { items: 8, everyMs: 60, textLength: 40 },
  { items: 12, everyMs: 40, textLength: 400 },
  { items: 1, everyMs: 0, textLength: 0 },
  { items: 40, everyMs: 0, textLength: 20 },
  { items: 5, everyMs: 50, textLength: 10, failAfter: 3, retryable: false },
  { items: 6, everyMs: 50, textLength: 10, failAfter: 3, retryable: true },
  { items: 40, everyMs: 150, textLength: 30 },
]
const canceled: SelfTestInput = { items: 60, everyMs: 200, textLength: 20 }
/** Unfinished tasks from which no further one is started. */
const maxTasks = 30
const words = 'owls robins herons finches hunt sing wade nest at night near rivers and hedges'.split(' ')

const startQuery = `mutation ($items: Int!, $everyMs: Int!, $textLength: Int!, $failAfter: Int, $retryable: Boolean, $key: String!) {
  startSelfTest(input: { items: $items, everyMs: $everyMs, textLength: $textLength, failAfter: $failAfter, retryable: $retryable, idempotencyKey: $key }) {
    __typename ... on Error { message } ... on StartSelfTestSuccess { task { id } } } }`
const cancelQuery = 'mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename ... on Error { message } } }'
const deleteQuery = 'mutation ($id: ID!) { deleteTask(input: { taskId: $id }) { __typename ... on Error { message } } }'
const importQuery = `mutation ($text: String!, $name: String!, $key: String!) {
  importDocument(input: { source: { text: $text }, name: $name, idempotencyKey: $key }) {
    __typename ... on Error { message } ... on ImportDocumentSuccess { document { id } task { id } } } }`
const roadmapQuery = `mutation ($id: ID!, $key: String!) { createRoadmap(input: { documentId: $id, idempotencyKey: $key }) {
    __typename ... on Error { message } ... on CreateRoadmapSuccess { roadmap { id } task { id } } } }`
const quizQuery = `mutation ($id: ID!, $key: String!) { generateQuiz(input: { documentId: $id, questionCount: 3, idempotencyKey: $key }) {
    __typename ... on Error { message } ... on GenerateQuizSuccess { quiz { id } task { id } } } }`
const deleteRoadmapQuery =
  'mutation ($id: ID!) { deleteRoadmap(input: { roadmapId: $id }) { __typename ... on Error { message } } }'
const deleteQuizQuery =
  'mutation ($id: ID!) { deleteQuiz(input: { quizId: $id }) { __typename ... on Error { message } } }'
const projectQuery = `mutation ($id: ID!, $key: String!) { generateProject(input: { documentId: $id, prompt: "A page about birds", idempotencyKey: $key }) {
    __typename ... on Error { message } ... on GenerateProjectSuccess { task { id } } } }`
const sessionQuery = `mutation ($key: String!) { createSession(input: { clientId: $key, title: "Birds" }) {
    __typename ... on Error { message } ... on CreateSessionSuccess { session { id } } } }`
const messageQuery = `mutation ($id: ID!, $key: String!, $text: String!) {
  sendMessage(input: { sessionId: $id, clientId: $key, text: $text }) {
    __typename ... on Error { message } ... on SendMessageSuccess { sessionMessage { id } task { id } } } }`
const closeQuery =
  'mutation ($id: ID!) { closeSession(input: { sessionId: $id }) { __typename ... on Error { message } } }'

const taskIdOf = (result: MutationResult): string | undefined =>
  (result['task'] as { readonly id: string } | null | undefined)?.id

/** Starts the load. */
export function startLoad(options: LoadOptions): Load {
  const { environment, recorder, random, clients, runName, rate, fanOut } = options
  const { servers, postgres } = environment
  const requests: Requests = createRequests(
    servers.map(({ url }) => url),
    recorder,
    random.fork('requests'),
  )
  const topics = new Set<string>()
  const deleted = new Set<string>()
  const removals: (() => Promise<unknown>)[] = []
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()
  const isOver = (): boolean => stopping.signal.aborted
  let count = 0

  const run = (work: Promise<void>): void => {
    const settled: Promise<void> = work.finally(() => running.delete(settled))
    running.add(settled)
  }
  const newKey = (name: string): string => `${runName} ${name} ${++count}`

  const watch = (topic: string): void => {
    if (topics.has(topic)) return
    topics.add(topic)
    const first = random.integer(0, clients.length - 1)
    for (let index = 0; index < fanOut; index++) {
      const client = clients[(first + index) % clients.length]
      if (client === undefined) continue
      const sub = `${client.name} ${topic} ${index}`
      const from = random.next() < 0.5 ? 'start' : 'now'
      // Some join late, some leave early.
      const joinMs = random.next() < 0.25 ? random.integer(100, 2_000) : 0
      const leaveMs = random.next() < 0.05 ? random.integer(200, 2_000) : 0
      const follow = async (): Promise<void> => {
        if (joinMs > 0) await pause(joinMs)
        const leave = client.watch(sub, { name: topic, from: topic.startsWith('task:') ? from : 'now' })
        if (leaveMs === 0) return
        await pause(leaveMs)
        leave()
      }
      run(follow())
    }
  }
  const start = async (request: {
    readonly name: string
    readonly query: string
    readonly variables: Readonly<Record<string, unknown>>
  }): Promise<MutationResult | undefined> => {
    const key = newKey(request.name)
    const mutation = { ...request, key, variables: { ...request.variables, key } }
    // Sent twice at once, by a client that was too impatient.
    if (random.next() < 0.1) run(requests.mutate(mutation, taskIdOf).then(() => undefined))
    const result = await requests.mutate(mutation, taskIdOf)
    const id = result === undefined ? undefined : taskIdOf(result)
    if (id !== undefined) watch(`task:${id}`)
    return result
  }

  const startSelfTest = async (): Promise<void> => {
    const isCanceled = random.next() < 0.15
    const input = isCanceled ? canceled : random.pick(selfTests)
    const cancelMs = random.integer(0, 3_000)
    const fate = random.next()
    const result = await start({ name: 'start', query: startQuery, variables: { ...input } })
    const id = result === undefined ? undefined : taskIdOf(result)
    if (id === undefined) return
    if (isCanceled) {
      await pause(cancelMs)
      await requests.mutate({ name: 'cancel', key: id, query: cancelQuery, variables: { id } }, () => id)
    } else if (fate < 0.03) {
      await pause(cancelMs)
      deleted.add(`task:${id}`)
      await requests.mutate({ name: 'delete', key: id, query: deleteQuery, variables: { id } })
    } else if (fate < 0.1) {
      await pause(2_000 + cancelMs)
      await prune(id)
    }
  }
  /** Prunes one closed topic, as the pruner does after the retention period. */
  const prune = async (id: string): Promise<void> => {
    await postgres.query(
      `with old as materialized (
        select name, seq from tidings.topic where name = $1 and closed and pruned_seq < seq for no key update skip locked
      ),
      gone as (delete from tidings.event e using old where e.topic = old.name and e.seq <= old.seq)
      update tidings.topic set pruned_seq = old.seq from old where topic.name = old.name`,
      [`task:${id}`],
    )
  }
  const workOnDocument = async (): Promise<void> => {
    const sentences = Array.from(
      { length: 12 },
      () => `${random.pick(words)} ${random.pick(words)} ${random.pick(words)}`,
    )
    const text = `# Birds\n\n## Owls\n\n${sentences.join('. ')}.\n\n## Robins\n\n${sentences.reverse().join('. ')}.`
    const name = `${newKey('document')}.md`
    const imported = await start({ name: 'import', query: importQuery, variables: { text, name } })
    const document = imported?.['document'] as { readonly id: string } | undefined
    if (document === undefined) return
    if (!(await isReadySoon(document.id))) return
    const query = random.pick([roadmapQuery, quizQuery, projectQuery])
    const removeMs = random.integer(500, 20_000)
    if (isOver()) return
    const result = await start({ name: 'import', query, variables: { id: document.id } })
    const [kind, object, deletion] =
      query === roadmapQuery
        ? ['roadmap', result?.['roadmap'], deleteRoadmapQuery]
        : ['quiz', result?.['quiz'], deleteQuizQuery]
    const id = (object as { readonly id: string } | null | undefined)?.id
    if (result === undefined || id === undefined) return
    watch(`${kind}:${id}`)
    await pause(removeMs, stopping.signal)
    // Its tasks are deleted with it.
    for (const topic of [`${kind}:${id}`, `task:${taskIdOf(result)}`]) deleted.add(topic)
    const remove = () => requests.mutate({ name: 'remove', key: `${kind}:${id}`, query: deletion, variables: { id } })
    removals.push(remove)
    await remove()
  }
  /** Waits until a document is converted. @returns false when it is not before the load ends */
  const isReadySoon = async (id: string): Promise<boolean> => {
    while (!isOver()) {
      const rows = await postgres.query<{ status: string }>('select status from studio.document where id = $1', [id])
      if (rows[0]?.status !== 'PROCESSING') return rows[0]?.status === 'READY'
      await pause(200)
    }
    return false
  }
  const converse = async (): Promise<void> => {
    const key = newKey('session')
    const created = await requests.mutate(
      { name: 'session', key, query: sessionQuery, variables: { key } },
      ({ session }) => (session as { readonly id: string } | undefined)?.id,
    )
    const session = created?.['session'] as { readonly id: string } | undefined
    if (session === undefined) return
    watch(`session:${session.id}`)
    while (!isOver()) {
      const messageKey = newKey('message')
      const variables = { id: session.id, key: messageKey, text: `What do ${random.pick(words)} do?` }
      // Repeated, the same message has no task.
      const result = await requests.mutate(
        { name: 'message', key: messageKey, query: messageQuery, variables },
        taskIdOf,
      )
      const id = result === undefined ? undefined : taskIdOf(result)
      if (id !== undefined) watch(`task:${id}`)
      await pause(random.integer(300, 1_500), stopping.signal)
    }
    await requests.mutate({ name: 'close', key: session.id, query: closeQuery, variables: { id: session.id } })
  }
  const startTasks = async (): Promise<void> => {
    for (let turn = 0; !isOver(); turn++) {
      // No more than the machine can do, and nothing accumulates while no server answers.
      const isFull = running.size > 4 * maxTasks || recorder.open > maxTasks * fanOut
      if (!isFull) {
        run(turn % 10 === 7 ? workOnDocument() : startSelfTest())
        // Now and then several at once, so that a queue forms and moves.
        if (turn % 20 === 10) for (let more = 0; more < 30; more++) run(startSelfTest())
      }
      await pause(1_000 / rate, stopping.signal)
    }
  }
  run(startTasks())
  run(converse())
  return {
    topics,
    deleted,
    async end() {
      stopping.abort()
      while (running.size > 0) await Promise.allSettled([...running])
      // An acknowledged removal may have been lost: its topic would stay open.
      if (environment.restoration !== undefined) for (const remove of removals) await remove()
    },
  }
}
