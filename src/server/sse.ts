import type { ExecutionResult } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { serialisedOf } from '../live/stream-outlet.ts'
import type { Connections } from './connections.ts'
import { type Note, type OperationContext, type ServerContext, wantsCatchUp } from './context.ts'
import { formatResult, isAway } from './mask.ts'
import type { ServerMetrics } from './metrics.ts'
import type { Pollers } from './pollers.ts'
import { onExpiry } from './viewer.ts'

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  // nginx would hold the events back otherwise.
  'x-accel-buffering': 'no',
}
const encoder = new TextEncoder()
/** How long a stream that was ended may take to be read before its connection is cut. */
const lingerMs = 1_000

/**
 * Answers with event streams (`distinct connections` of the GraphQL-over-SSE protocol): one `next` for each result, then
 * `complete`. A refused subscription is a stream as well: one `next` with its errors, then `complete`, with status 200.
 *
 * A stream that ends without `complete` is not over: the token expired, the server moves its clients or cannot serve now.
 * A comment says which, and the client resumes.
 */
export function createEventStreamPlugin(options: {
  readonly connections: Connections
  readonly pollers: Pollers
  readonly metrics: ServerMetrics
  readonly note: Note
  /** Time between comments that keep a quiet stream open. */
  readonly keepAliveMs: number
  /** How long a stream may last before its client is asked to open another one. */
  readonly maxStreamMs: number
}): Plugin<object, ServerContext> {
  const { connections, pollers, metrics, note, keepAliveMs, maxStreamMs } = options
  const subscriptions = new WeakMap<Request, 'sse' | 'polling'>()

  const answer = (result: unknown, request: Request, context: ServerContext): Response => {
    const { res, viewer, from } = context
    const source = result as AsyncIterable<ExecutionResult> | ExecutionResult
    const transport = subscriptions.get(request) ?? 'sse'
    const isSubscription = subscriptions.has(request)
    if (!isAsyncIterable(source))
      return new Response(createEventStream({ source, isSubscription, keepAliveMs }).body, { headers })
    // Its client left while the subscription was opened: what is counted in now would never be counted out.
    if (res.closed) {
      void source[Symbol.asyncIterator]().return?.()
      return new Response(null)
    }
    let end: (why: string) => void = () => undefined
    const connection = connections.mayOpen(from.address)
      ? connections.open(transport, from, {
          move: (why) =>
            end(`${why === 'away' ? 'the database cannot be reached' : 'this server is restarting'}; connect again`),
          terminate: () => res.destroy(),
          unreadBytes: () => res.writableLength + context.unreadBytes(),
          subscriptions: () => 1,
        })
      : null
    if (connection === null || !connections.identify(connection, viewer?.userId ?? null)) {
      const limit = connection === null ? 'address' : 'viewer'
      if (connection !== null) connections.close(connection)
      metrics.refused(limit)
      void source[Symbol.asyncIterator]().return?.()
      const message = `Too many connections of one ${limit} are open; try again later`
      note('LIMITED', viewer, from, { reason: limit, subject: transport, detail: message })
      return refuse(429, 'RATE_LIMITED', message)
    }
    if (transport === 'sse' || pollers.seen(viewer, from)) note('CONNECTED', viewer, from, { subject: transport })
    const stream = createEventStream({ source, isSubscription, keepAliveMs })
    end = (why) => {
      stream.end(why)
      setTimeout(() => res.destroy(), lingerMs).unref()
    }
    const stopTimer = onExpiry(viewer, () => end('the token has expired; connect again with a new one'))
    // Of a peer that vanished without a word nothing is heard: what is written to it waits in the operating system, which may
    // hope for a quarter of an hour. Spread, as streams that were opened at once would all be renewed at once.
    const renewal = setTimeout(
      () => end('this stream has lasted long enough; connect again'),
      maxStreamMs * (0.9 + Math.random() / 10),
    ).unref()
    res.once('close', () => {
      stopTimer?.()
      clearTimeout(renewal)
      stream.end('closed')
      connections.close(connection)
    })
    return new Response(stream.body, { headers })
  }

  return {
    onSubscribe({ args }) {
      const context = args.contextValue as unknown as OperationContext & { request?: Request }
      if (context.request !== undefined) subscriptions.set(context.request, wantsCatchUp(context) ? 'polling' : 'sse')
    },
    onResultProcess({ request, result, setResultProcessor, serverContext }) {
      if (Array.isArray(result)) return
      const accept = readAccept(request.headers.get('accept'))
      if (isAsyncIterable(result)) {
        if (accept.stream) setResultProcessor((source) => answer(source, request, serverContext), 'text/event-stream')
        else {
          void result[Symbol.asyncIterator]().return?.()
          const message =
            'A subscription is answered with an event stream; accept text/event-stream, or use a WebSocket'
          setResultProcessor(() => refuse(406, 'BAD_INPUT', message), 'application/json')
        }
      } else if (accept.stream && !accept.json)
        setResultProcessor((source) => answer(source, request, serverContext), 'text/event-stream')
    },
  }
}

/** Which kinds of answer a client takes. Nothing said means everything. */
export function readAccept(header: string | null): { readonly stream: boolean; readonly json: boolean } {
  const types = (header ?? '*/*').split(',').map((part) => (part.split(';')[0] ?? '').trim().toLowerCase())
  const any = types.includes('*/*')
  return {
    stream: any || types.includes('text/event-stream') || types.includes('text/*'),
    json: any || types.some((type) => type.startsWith('application/')),
  }
}

function refuse(status: number, code: string, message: string): Response {
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] })
  return new Response(body, { status, headers: { 'content-type': 'application/json; charset=utf-8' } })
}

/** A body that is written at the pace of its reader: the next result is asked for when the last one has left. */
interface EventStream {
  readonly body: ReadableStream<Uint8Array>
  /** Ends it without `complete`, with a comment that says why. Leaves the source. */
  end(why: string): void
}

function createEventStream(options: {
  readonly source: AsyncIterable<ExecutionResult> | ExecutionResult
  /** A query is over when it is answered, whatever the answer; a subscription only when it says so. */
  readonly isSubscription: boolean
  readonly keepAliveMs: number
}): EventStream {
  const iterator = isAsyncIterable(options.source) ? options.source[Symbol.asyncIterator]() : once(options.source)
  let pending: Promise<IteratorResult<ExecutionResult, unknown>> | undefined
  let isStarted = false
  let why: string | undefined
  let wake: () => void = () => undefined
  const timer = setInterval(() => wake(), options.keepAliveMs).unref()

  let isLeft = false
  const leave = (): void => {
    if (isLeft) return
    isLeft = true
    clearInterval(timer)
    void Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
  const frameNext = async (): Promise<{ readonly text: string; readonly isLast?: true }> => {
    // Sent at once, so that the client sees its request accepted before anything happens.
    if (!isStarted) {
      isStarted = true
      return { text: ':\n\n' }
    }
    pending ??= iterator.next()
    const woken = new Promise<undefined>((resolve) => {
      wake = () => resolve(undefined)
    })
    const step = why === undefined ? await Promise.race([pending, woken]) : undefined
    if (why !== undefined) return { text: `: ${why}\n\n`, isLast: true }
    if (step === undefined) return { text: ':\n\n' }
    pending = undefined
    if (step.done === true) return { text: 'event: complete\ndata:\n\n', isLast: true }
    if (options.isSubscription && isAway(step.value))
      return { text: ': the server cannot serve this now; connect again\n\n', isLast: true }
    const text = serialisedOf(step.value) ?? JSON.stringify(formatResult(step.value))
    return { text: `event: next\ndata: ${text}\n\n` }
  }

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { text, isLast } = await frameNext()
        controller.enqueue(encoder.encode(text))
        if (isLast !== true) return
        controller.close()
        leave()
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  )
  return {
    body,
    end(reason) {
      why ??= reason
      wake()
      leave()
    },
  }
}

async function* once(result: ExecutionResult): AsyncGenerator<ExecutionResult, void, undefined> {
  yield result
}
