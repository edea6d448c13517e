import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { ExecutionArgs, ExecutionResult } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Config } from '../../config.ts'
import { cursorOf } from '../../live/deliver/stream-sink.ts'
import { ownContextOf } from '../../live/execute/own-context.ts'
import { keyOfToken } from '../../rate-limits/rate-limits.ts'
import type { Budgets } from '../connections/budgets.ts'
import type { Connections } from '../connections/connections.ts'
import type { Pollers } from '../connections/pollers.ts'
import type { ServerMetrics } from '../connections/server-metrics.ts'
import type { Work } from '../connections/work.ts'
import { onExpiry } from '../request/authenticate.ts'
import {
  type Enveloped,
  type OperationContext,
  type ServerContext,
  type WriteAudit,
  wantsCatchUp,
} from '../request/context.ts'
import { isUnavailable, type MaskError } from '../request/mask.ts'
import { describeRefusal, graphqlResponseType, liveUpdatesOff } from '../request/refuse.ts'
import { abortResponse } from './abort-response.ts'
import { resumeAfter } from './last-event-id.ts'
import { createOperationStream, hasOperations, type OperationStream, readStreamRequest } from './operation-stream.ts'
import { type Frames, toText, unavailable } from './stream-frames.ts'

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  // nginx would buffer the events otherwise.
  'x-accel-buffering': 'no',
}
const encoder = new TextEncoder()
/**
 * Time that the client has to read a stream that is being cut, before its connection is destroyed
 * anyway.
 */
const lingerMs = 1_000
/** The average delay before a client that reconnects automatically does so. */
const retryMs = 1_000
/**
 * Longest wait for a resumed stream to show that its topic has ended, before it is answered as a
 * running stream.
 */
const resumeMs = 3_000

/** Returns the settings that limit event streams. */
export function streamLimitsOf(config: Config) {
  return {
    maxStreamMs: config.MAX_STREAM_MS,
    liveUpdates: config.LIVE_UPDATES,
    maxSubscriptions: config.MAX_SUBSCRIPTIONS_PER_SOCKET,
    maxRetainedBytes: config.MAX_MESSAGE_BYTES,
  }
}

/**
 * Creates the plugin that responds with event streams (`distinct connections` of the
 * GraphQL-over-SSE protocol): one `next` for each result, then `complete`. A refused subscription
 * is a stream as well: one `next` with its errors, then `complete`, with status 200.
 *
 * A stream that ends without `complete` is not over: the token expired, or the server asks its
 * clients to reconnect or temporarily cannot serve the subscription. A comment says which. The
 * response is aborted, so that no intermediary takes it for complete, and the client resumes.
 *
 * A request may have several operations: `createOperationStream`.
 *
 * Each event has its cursor as `id`, so an `EventSource` resumes automatically: `Last-Event-ID`
 * stands for the argument `after`. After a terminal event the response is 204, after which an
 * `EventSource` does not reconnect, and a client that polls does not poll again.
 */
export function createEventStreamPlugin(options: {
  readonly connections: Connections
  readonly budgets: Budgets
  readonly work: Pick<Work, 'waitForTurn'>
  readonly pollers: Pollers
  readonly metrics: ServerMetrics
  readonly note: WriteAudit
  /** Time between comments that keep an idle stream open. */
  readonly keepAliveMs: number
  /**
   * Time until the second comment, which shows the client that more than the beginning of the
   * response gets through. The interval between comments doubles from this value up to
   * `keepAliveMs`.
   */
  readonly confirmMs: number
  /** Maximum duration of a stream before its client is asked to open another one. */
  readonly maxStreamMs: number
  /** Maximum number of operations of one stream. */
  readonly maxSubscriptions: number
  /** Maximum bytes that the operations of a stream retain together. */
  readonly maxRetainedBytes: number
  /** With false, event streams are refused; polling is served. */
  readonly liveUpdates: boolean
  readonly maskError: MaskError
  /** Whether other results belong to a server of a team, which sends them. @default false */
  readonly onlyTopics?: boolean
  /** Returns the functions that execute one operation of a stream with several. */
  readonly envelop: (context: object) => Enveloped
}): Plugin<object, ServerContext> {
  const { connections, budgets, pollers, metrics, note, keepAliveMs, confirmMs, maxStreamMs, maskError } = options
  const subscriptions = new WeakMap<Request, 'sse' | 'polling'>()
  /**
   * The streams of requests with several operations, keyed by the placeholder result that yoga
   * handles.
   */
  const operationStreams = new WeakMap<object, OperationStream>()

  const answer = async (result: unknown, request: Request, context: ServerContext): Promise<Response> => {
    const { res, viewer, from } = context
    const source = result as AsyncIterable<ExecutionResult> | ExecutionResult
    const transport = subscriptions.get(request) ?? 'sse'
    const several = operationStreams.get(source)
    const frames = several ?? frameResults(source, subscriptions.has(request))
    if (!isAsyncIterable(source))
      return new Response(createEventStream({ frames, response: res, keepAliveMs, confirmMs }).body, { headers })
    if (transport === 'sse' && !options.liveUpdates) {
      frames.return()
      return refuse(liveUpdatesOff.status, liveUpdatesOff.code, liveUpdatesOff.message)
    }
    let pending: ReturnType<Frames['next']> | undefined
    if (several === undefined && (transport === 'polling' || request.headers.has(lastEventId))) {
      pending = frames.next()
      if (await isOver(pending, context)) {
        frames.return()
        return new Response(null, { status: 204 })
      }
    }
    if (transport === 'sse') {
      const { authorization } = context.req.headers
      const key = authorization === undefined ? null : keyOfToken(authorization)
      const limit = await budgets.use('connections', { key, from, viewer, subject: 'sse' })
      if (limit !== null) {
        frames.return()
        return refuse(429, 'RATE_LIMITED', limit.message, limit.retryAfterMs)
      }
    }
    // The client disconnected during one of the waits above: a connection registered now would never
    // be unregistered. From here until the listener below, nothing is awaited.
    if (res.closed) {
      frames.return()
      return new Response(null)
    }
    let end: (why: string) => void = () => undefined
    const connection = connections.mayOpen(from.network)
      ? connections.open(transport, from, {
          move: (why) =>
            end(`${why === 'away' ? 'the database cannot be reached' : 'this server is restarting'}; connect again`),
          terminate: () => res.destroy(),
          unreadBytes: () => res.writableLength + context.unreadBytes(),
          subscriptions: several?.size ?? (() => 1),
        })
      : null
    if (connection === null || !connections.identify(connection, viewer?.userId ?? null)) {
      const limit = connection === null ? 'address' : 'viewer'
      if (connection !== null) connections.close(connection)
      metrics.refused(limit)
      frames.return()
      const message = `Too many connections of one ${limit} are open; try again later`
      note('LIMITED', viewer, from, { reason: limit, subject: transport, detail: message })
      return refuse(429, 'RATE_LIMITED', message)
    }
    if (transport === 'sse' || pollers.seen(viewer, from)) note('CONNECTED', viewer, from, { subject: transport })
    const stream = createEventStream({
      frames,
      pending,
      response: res,
      keepAliveMs: Math.min(keepAliveMs, several?.heartbeatMs ?? keepAliveMs),
      confirmMs,
    })
    end = (why) => {
      stream.cut(why)
      setTimeout(() => res.destroy(), lingerMs).unref()
    }
    const stopTimer = onExpiry(viewer, () => end('the token has expired; connect again with a new one'))
    // A peer that vanished without closing the connection goes unnoticed: data written to it waits
    // in the operating system, which may retry for a quarter of an hour. Jittered, because streams
    // that were opened together would otherwise all be renewed together.
    const renewal = setTimeout(
      () => end('this stream has lasted long enough; connect again'),
      maxStreamMs * (0.9 + Math.random() / 10),
    ).unref()
    res.once('close', () => {
      stopTimer?.()
      clearTimeout(renewal)
      stream.cut('closed')
      connections.close(connection)
    })
    return new Response(stream.body, { headers })
  }

  return {
    onParams({ params, request, setParams, setResult, context }) {
      if (!hasOperations(params) || request.method !== 'POST') return
      // A placeholder for yoga, which supports one operation only.
      setParams({ query: '{ __typename }' })
      try {
        const streamRequest = readStreamRequest(params)
        const stream = createOperationStream(streamRequest, ownContextOf(context), options)
        const result: AsyncIterable<ExecutionResult> = {
          [Symbol.asyncIterator]: () => ({
            next: () => Promise.resolve({ done: true, value: undefined }),
            return: () => Promise.resolve({ done: true, value: undefined }),
          }),
        }
        operationStreams.set(result, stream)
        const areCaughtUp = streamRequest.operations.every(({ extensions }) => extensions?.['catchUp'] === true)
        subscriptions.set(request, areCaughtUp ? 'polling' : 'sse')
        setResult(result)
      } catch (error) {
        setResult({ errors: [maskError(error)] })
      }
    },
    onSubscribe({ args }) {
      const context = ownContextOf<OperationContext & { readonly request?: Request }>(args.contextValue)
      const { request } = context
      if (request === undefined) return
      subscriptions.set(request, wantsCatchUp(context) ? 'polling' : 'sse')
      const cursor = request.headers.get(lastEventId)
      if (cursor !== null) Object.assign(args, resumeAfter(args as ExecutionArgs, cursor))
    },
    onResultProcess({ request, result, setResultProcessor, serverContext }) {
      if (Array.isArray(result) || (options.onlyTopics === true && !subscriptions.has(request))) return
      const accept = readAccept(request.headers.get('accept'))
      if (isAsyncIterable(result)) {
        if (accept.stream)
          setResultProcessor((source) => answer(source, request, ownContextOf(serverContext)), 'text/event-stream')
        else {
          void result[Symbol.asyncIterator]().return?.()
          const message =
            'A subscription is answered with an event stream; accept text/event-stream, or use a WebSocket'
          setResultProcessor(() => refuse(406, 'BAD_INPUT', message), 'application/json')
        }
      } else if (accept.stream && !accept.json)
        setResultProcessor((source) => answer(source, request, ownContextOf(serverContext)), 'text/event-stream')
    },
  }
}

const lastEventId = 'last-event-id'

/**
 * Whether a resumed stream completes without an event and before it has caught up, because it was
 * resumed after a terminal event.
 */
async function isOver(first: ReturnType<Frames['next']>, { caughtUp }: ServerContext): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, resumeMs)
  const step = await Promise.race([first, caughtUp, late])
  clearTimeout(timer)
  return step?.value !== undefined && 'text' in step.value && step.value.isComplete === true
}

/** Parses the `Accept` header. Without one the client accepts everything. */
export function readAccept(header: string | null): { readonly stream: boolean; readonly json: boolean } {
  const types = (header ?? '*/*').split(',').map((part) => (part.split(';')[0] ?? '').trim().toLowerCase())
  const any = types.includes('*/*')
  return {
    stream: any || types.includes('text/event-stream') || types.includes('text/*'),
    json: any || types.some((type) => type.startsWith('application/')),
  }
}

function refuse(status: number, code: string, message: string, retryAfterMs = 0): Response {
  const body = JSON.stringify(describeRefusal(status, code, message))
  const retryAfter = retryAfterMs > 0 ? { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } : {}
  return new Response(body, { status, headers: { 'content-type': graphqlResponseType, ...retryAfter } })
}

/** Yields the frames of one operation: a `next` for each result, then `complete`. */
function frameResults(source: AsyncIterable<ExecutionResult> | ExecutionResult, isSubscription: boolean): Frames {
  const iterator = isAsyncIterable(source) ? source[Symbol.asyncIterator]() : yieldOnce(source)
  let lastCursor: string | undefined
  let isComplete = false
  return {
    async next() {
      if (isComplete) return { done: true, value: undefined }
      const step = await iterator.next()
      if (step.done === true) {
        isComplete = true
        return { done: false, value: { text: `${idLine(lastCursor)}event: complete\ndata:\n\n`, isComplete: true } }
      }
      // A query is over when it is answered, whatever the answer; a subscription only when it
      // completes.
      if (isSubscription && isUnavailable(step.value)) return { done: false, value: { cut: unavailable } }
      lastCursor = cursorOf(step.value) ?? lastCursor
      return { done: false, value: { text: `${idLine(lastCursor)}event: next\ndata: ${toText(step.value)}\n\n` } }
    },
    return: () => void Promise.resolve(iterator.return?.()).catch(() => undefined),
  }
}

/** Formats the cursor as the event's id, which an `EventSource` sends back as `Last-Event-ID`. */
function idLine(cursor: string | undefined): string {
  return cursor === undefined ? '' : `id: ${cursor}\n`
}

/** A body with backpressure: the next frame is requested when the last one has been written. */
interface EventStream {
  readonly body: ReadableStream<Uint8Array>
  /** Cuts the stream with a comment that contains the reason, and returns the source. */
  cut(why: string): void
}

function createEventStream(options: {
  readonly frames: Frames
  /** The `next()` call that is already pending. */
  readonly pending?: ReturnType<Frames['next']> | undefined
  readonly response: ServerResponse
  readonly keepAliveMs: number
  readonly confirmMs: number
}): EventStream {
  const { frames, response } = options
  let { pending } = options
  let isStarted = false
  let why: string | undefined
  let isCut = false
  let wake: () => void = () => undefined
  let timer: NodeJS.Timeout
  const beatAfter = (ms: number): void => {
    timer = setTimeout(() => {
      wake()
      beatAfter(Math.min(2 * ms, options.keepAliveMs))
    }, ms).unref()
  }
  // Frequent at first: the first two comments may arrive together, and then the third one has to
  // confirm the transport.
  beatAfter(Math.min(options.confirmMs, options.keepAliveMs))

  let isLeft = false
  const leave = (): void => {
    if (isLeft) return
    isLeft = true
    clearTimeout(timer)
    frames.return()
  }
  const nextText = async (): Promise<string | undefined> => {
    // Sent at once, so that the client sees its request accepted before the first event.
    if (!isStarted) {
      isStarted = true
      return ':\n\n'
    }
    pending ??= frames.next()
    const wakeUp = new Promise<undefined>((resolve) => {
      wake = () => resolve(undefined)
    })
    const step = why === undefined ? await Promise.race([pending, wakeUp]) : undefined
    if (response.destroyed) return undefined
    if (step !== undefined) {
      pending = undefined
      if (step.done === true) return undefined
      if ('text' in step.value) return step.value.text
      why ??= step.value.cut
    }
    if (why === undefined) return ':\n\n'
    isCut = true
    // Jittered, so that clients that reconnect automatically, such as `EventSource`, do not all
    // reconnect at the same time.
    return `retry: ${Math.round(retryMs * (0.5 + Math.random()))}\n\n: ${why}\n\n`
  }

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // The last frame has been written when the next one is requested.
        if (isCut && !response.destroyed) {
          const closed = once(response, 'close')
          abortResponse(response)
          await closed
        }
        const text = isCut ? undefined : await nextText()
        if (isCut) leave()
        if (text !== undefined) return controller.enqueue(encoder.encode(text))
        controller.close()
        leave()
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  )
  return {
    body,
    cut(reason) {
      why ??= reason
      wake()
      leave()
    },
  }
}

async function* yieldOnce(result: ExecutionResult): AsyncGenerator<ExecutionResult, void, undefined> {
  yield result
}
