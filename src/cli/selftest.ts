import { setTimeout as delay } from 'node:timers/promises'
import { styleText } from 'node:util'
import type { GraphQLFormattedError } from 'graphql'
import { createClient } from 'graphql-ws'
import { z } from 'zod'
import { TidingsError } from '../errors.ts'
import { lastEventTypes } from '../tasks/model/task.ts'

/** The options of a self-test. */
export interface SelfTestOptions {
  /** The endpoint of a running server; without a path, `/graphql` is meant. */
  readonly url: string
  /** Sent as `Authorization: Bearer …`. Default none. */
  readonly token?: string | undefined
  /** The kind of a task to start and follow. Without it, a task that does not exist is asked for. */
  readonly kind?: string | undefined
  /** The input of the task, as JSON. @default '{}' */
  readonly input?: string | undefined
  /** The longest duration of each check in milliseconds. @default 30000 */
  readonly timeoutMs?: number
}

/** The outcome of one check. */
export interface CheckResult {
  readonly name: string
  readonly passed: boolean
  /** What was measured, or why it failed. */
  readonly figures: string
  readonly tookMs: number
}

/** The outcome of a self-test. */
export interface SelfTestReport {
  readonly url: string
  readonly passed: boolean
  readonly checks: readonly CheckResult[]
}

interface Target {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}
interface Operation {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly extensions?: object
}

interface Result {
  readonly data?: unknown
  readonly errors?: readonly GraphQLFormattedError[] | undefined
  readonly extensions?: unknown
}

/** One transport: yields the results of a subscription; ends only after the server has completed it. */
type Transport = (target: Target, operation: Operation, signal: AbortSignal) => AsyncIterable<Result>

/** A task that no server has: it answers NOT_FOUND, over whichever transport works. */
const missingTask = 'task_00000000000000000000000000'

/** @param after - the cursor; written out, as a schema may have another name for its type */
const printWatch = (after: string | null = null): string => `subscription ($taskId: ID!) {
  taskProgress(taskId: $taskId, ${after === null ? 'fromStart: true' : `after: ${JSON.stringify(after)}`}) {
    __typename seq cursor status ... on TaskFailed { error { code message } }
  }
}`

const eventOf = z.object({
  data: z.object({
    taskProgress: z.object({
      __typename: z.string(),
      seq: z.number().nullable(),
      cursor: z.string().nullable(),
      status: z.string().nullable(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
  }),
  extensions: z.object({ tidings: z.object({ follows: z.number().optional() }).optional() }).optional(),
})

const post = ({ url, headers }: Target, operation: Operation, accept: string, signal: AbortSignal): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...headers },
    body: JSON.stringify(operation),
    signal,
  })

/** @throws Error with the status and the beginning of the answer when that is no result of GraphQL */
async function request(target: Target, operation: Operation, signal: AbortSignal): Promise<Result> {
  const response = await post(target, operation, 'application/json', signal)
  return parseAnswer(response.status, await response.text())
}

function parseAnswer(status: number, text: string): Result {
  try {
    return JSON.parse(text) as Result
  } catch {
    throw new Error(`answered ${status} ${text.slice(0, 100)}`)
  }
}

/** @throws Error when the stream ends without the event `complete` */
const readEventStream: Transport = async function* (target, operation, signal) {
  const response = await post(target, operation, 'text/event-stream', signal)
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true || response.body === null) {
    yield parseAnswer(response.status, await response.text())
    return
  }
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const frames = `${text}${chunk}`.replaceAll('\r\n', '\n').split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) {
      const lines = frame.split('\n')
      if (lines.includes('event: complete')) return
      const data = lines.find((line) => line.startsWith('data: {'))
      if (data !== undefined) yield JSON.parse(data.slice('data: '.length)) as Result
    }
  }
  throw new Error('the stream was cut')
}

const readWebSocket: Transport = async function* ({ url, headers }, { query, variables }, signal) {
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: headers,
    retryAttempts: 0,
    webSocketImpl: globalThis.WebSocket,
  })
  // An operation that is refused throws its errors.
  const results = client.iterate({ query, variables })
  const stop = (): void => void client.dispose()
  signal.addEventListener('abort', stop, { once: true })
  try {
    yield* results
  } catch (error) {
    signal.throwIfAborted()
    if (Array.isArray(error)) yield { errors: error } as Result
    else throw new Error(describe(error))
  } finally {
    signal.removeEventListener('abort', stop)
    await client.dispose()
  }
}

const pollMs = 200

/** Repeats requests that end when they have caught up, from the last cursor on. */
const poll: Transport = async function* (target, operation, signal) {
  let after: string | null = null
  for (;;) {
    const catchUp = { ...operation, query: printWatch(after), extensions: { catchUp: true } }
    for await (const result of readEventStream(target, catchUp, signal)) {
      yield result
      const parsed = eventOf.safeParse(result)
      if (!parsed.success) return
      const { cursor, __typename } = parsed.data.data.taskProgress
      after = cursor ?? after
      if (lastEventTypes.has(__typename)) return
    }
    await delay(pollMs, undefined, { signal })
  }
}

const transports: Readonly<Record<string, Transport>> = {
  websocket: readWebSocket,
  'event stream': readEventStream,
  polling: poll,
}

/**
 * Drives a task through every transport of a running server, from outside.
 *
 * @param onCheck - called with each outcome. Default none
 * @throws TidingsError `BAD_INPUT` for an input that is not a JSON object
 */
export async function runSelfTest(
  { url, token, kind, input = '{}', timeoutMs = 30_000 }: SelfTestOptions,
  onCheck: (result: CheckResult) => void = () => undefined,
): Promise<SelfTestReport> {
  const endpoint = new URL(url)
  if (endpoint.pathname === '/') endpoint.pathname = '/graphql'
  const target = { url: endpoint.href, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }
  const values = parseInput(input)
  const checks: CheckResult[] = []
  const check = async (name: string, run: (signal: AbortSignal) => Promise<string>): Promise<boolean> => {
    const startedAt = performance.now()
    const signal = AbortSignal.timeout(timeoutMs)
    const [outcome] = await Promise.allSettled([run(signal)])
    const passed = outcome.status === 'fulfilled'
    const figures = passed
      ? outcome.value
      : signal.aborted
        ? `did not end within ${timeoutMs} ms`
        : describe(outcome.reason)
    const result = { name, passed, figures, tookMs: Math.round(performance.now() - startedAt) }
    checks.push(result)
    onCheck(result)
    return passed
  }

  const isReachable = await check('request', async (signal) => {
    const startedAt = performance.now()
    const { errors } = await request(target, { query: '{ __typename }', variables: {} }, signal)
    if (errors !== undefined) throw new Error(describe(errors))
    return `answered in ${Math.round(performance.now() - startedAt)} ms`
  })
  let taskId = missingTask
  const isStarted =
    isReachable &&
    (kind === undefined ||
      (await check('start', async (signal) => {
        taskId = await startTask(target, kind, values, signal)
        return `started ${taskId}`
      })))
  if (isStarted)
    // One after the other: a worker that is slow is no fault of a transport.
    for (const [name, transport] of Object.entries(transports))
      await check(name, (signal) => {
        const results = transport(target, { query: printWatch(), variables: { taskId } }, signal)
        return kind === undefined ? expectNotFound(results) : followTask(results)
      })
  return { url: endpoint.href, passed: checks.every(({ passed }) => passed), checks }
}

function parseInput(input: string): object {
  const parsed = z.object({}).loose().safeParse(parseJson(input))
  if (parsed.success) return parsed.data
  throw new TidingsError(
    'BAD_INPUT',
    `--input is ${input}; it must be a JSON object, such as '{"reportId": "report_1"}'`,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const schemaOf = z.object({
  data: z.object({
    __schema: z.object({
      mutationType: z
        .object({
          fields: z.array(
            z.object({
              name: z.string(),
              args: z.array(
                z.object({ name: z.string(), type: z.object({ ofType: z.object({ name: z.string() }).nullable() }) }),
              ),
              type: z.object({
                ofType: z
                  .object({
                    possibleTypes: z.array(z.object({ name: z.string() })).nullable(),
                  })
                  .nullable(),
              }),
            }),
          ),
        })
        .nullable(),
    }),
  }),
})

const readMutations = `{ __schema { mutationType { fields {
  name args { name type { ofType { name } } } type { ofType { possibleTypes { name } } }
} } } }`

/** Starts a task with the mutation of a kind, whatever prefix its types have. @returns its id */
async function startTask(target: Target, kind: string, input: object, signal: AbortSignal): Promise<string> {
  const schema = await request(target, { query: readMutations, variables: {} }, signal)
  const parsed = schemaOf.safeParse(schema)
  if (!parsed.success) throw new Error(`the schema cannot be read: ${describe(schema.errors)}`)
  const starts = (parsed.data.data.__schema.mutationType?.fields ?? []).flatMap(({ name, args, type }) => {
    const inputType = args.find((argument) => argument.name === 'input')?.type.ofType?.name
    const success = type.ofType?.possibleTypes?.find((member) => member.name.endsWith('Success'))
    return inputType === undefined || success === undefined ? [] : [{ name, inputType, success: success.name }]
  })
  const wanted = kind.toLowerCase().replaceAll('_', '')
  const start = starts.find(({ name }) => name.toLowerCase() === wanted)
  if (start === undefined)
    throw new Error(`no mutation starts ${kind}; the mutations are ${starts.map(({ name }) => name).join(', ')}`)
  const query = `mutation ($input: ${start.inputType}!) {
    start: ${start.name}(input: $input) { ... on ${start.success} { task { id } } ... on Error { message } }
  }`
  const { data, errors } = await request(target, { query, variables: { input } }, signal)
  const answer = z
    .object({ start: z.object({ task: z.object({ id: z.string() }).optional(), message: z.string().optional() }) })
    .safeParse(data)
  const id = answer.data?.start.task?.id
  if (id === undefined) throw new Error(`${start.name} was refused: ${answer.data?.start.message ?? describe(errors)}`)
  return id
}

/** Expects the refusal of a subscription to a task that does not exist: it shows that operations and answers arrive. */
async function expectNotFound(results: AsyncIterable<Result>): Promise<string> {
  for await (const { errors } of results) {
    if (errors?.[0]?.extensions?.['code'] === 'NOT_FOUND') return 'works: the refusal of an unknown task arrived'
    throw new Error(errors === undefined ? 'answered an unknown task' : describe(errors))
  }
  throw new Error('ended without an answer')
}

/** Expects all events of a task, each once and in order, to its end. */
async function followTask(results: AsyncIterable<Result>): Promise<string> {
  const startedAt = performance.now()
  let firstMs: number | undefined
  let last = 0
  let count = 0
  let end: z.infer<typeof eventOf>['data']['taskProgress'] | undefined
  for await (const result of results) {
    if (result.errors !== undefined) throw new Error(describe(result.errors))
    const { data, extensions } = eventOf.parse(result)
    const { taskProgress: event } = data
    firstMs ??= performance.now() - startedAt
    // Ephemeral events are not in the log.
    if (event.__typename === 'TaskQueueMoved' || event.seq === null) continue
    if (event.seq !== last + 1 && extensions?.tidings?.follows !== last)
      throw new Error(`event ${event.seq} follows event ${last}`)
    last = event.seq
    count++
    if (lastEventTypes.has(event.__typename)) end = event
  }
  if (end === undefined) throw new Error(`completed after ${count} events, before the task had ended`)
  if (end.__typename !== 'TaskCompleted')
    throw new Error(
      `the task ended ${end.status}${end.error === undefined ? '' : ` (${end.error.code}: ${end.error.message})`}`,
    )
  return `${count} events in order, the first after ${Math.round(firstMs ?? 0)} ms`
}

/** Describes an error, errors of GraphQL, or the reason for which a WebSocket was closed. */
function describe(error: unknown): string {
  if (Array.isArray(error)) return error.map(describe).join('; ')
  const { message, reason, code, cause, extensions } = error as {
    readonly [name in 'message' | 'reason' | 'code' | 'cause']?: unknown
  } & { readonly extensions?: Readonly<Record<string, unknown>> }
  const text = String(message || reason || code || error)
  const details = extensions?.['code'] ?? (cause instanceof Error ? cause.message : undefined)
  return details === undefined ? text : `${text} (${String(details)})`
}

/** Writes the outcome of a check as a line. */
export function printCheck({ name, passed, figures, tookMs }: CheckResult): string {
  const mark = passed ? styleText('green', 'pass') : styleText('red', 'FAIL')
  return `${mark}  ${name.padEnd(12)}  ${figures}  ${styleText('dim', `${tookMs} ms`)}\n`
}
