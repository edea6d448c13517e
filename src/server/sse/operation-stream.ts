import { type ExecutionResult, GraphQLError, getOperationAST, OperationTypeNode } from 'graphql'
import { type GraphQLParams, isAsyncIterable } from 'graphql-yoga'
import { z } from 'zod'
import type { ServerMetrics } from '../connections/server-metrics.ts'
import type { Work } from '../connections/work.ts'
import type { Enveloped, OperationContext, ServerContext, WriteAudit } from '../request/context.ts'
import { createRetained, type RetainedParts } from '../request/declared-params.ts'
import { isUnavailable, type MaskError } from '../request/mask.ts'
import { type Frame, type Frames, toText, unavailable } from './stream-frames.ts'

const operationSchema = z.object({
  /** The id of the operation in the events of the stream. */
  id: z.string().min(1).max(128),
  query: z.string(),
  operationName: z.string().nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  extensions: z.record(z.string(), z.unknown()).nullish(),
})
const requestSchema = z.object({
  operations: z.array(operationSchema).min(1),
  /**
   * The maximum interval between two heartbeats on the stream, in milliseconds; the server's own
   * interval applies where it is shorter.
   */
  heartbeatMs: z.int().min(1).optional(),
})

/** The shortest heartbeat interval that a client can request. */
const minHeartbeatMs = 1_000

/** One of the operations of a request. */
type StreamOperation = z.infer<typeof operationSchema>

/** A request for one stream with several operations. */
type StreamRequest = z.infer<typeof requestSchema>

/** Whether a request asks for one stream with several operations. */
export function hasOperations(params: unknown): boolean {
  return typeof params === 'object' && params !== null && 'operations' in params
}

/**
 * Reads a request and checks that its operations have distinct ids.
 * @throws GraphQLError `BAD_INPUT` when it is malformed
 */
export function readStreamRequest(params: unknown): StreamRequest {
  const { data, error } = requestSchema.safeParse(params)
  const refuse = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'BAD_INPUT' } })
  if (data === undefined) throw refuse(`The operations of this request are malformed: ${z.prettifyError(error)}`)
  const ids = new Set(data.operations.map(({ id }) => id))
  if (ids.size < data.operations.length) throw refuse('Two operations of this request have the same id')
  return data
}

/** The options of {@link createOperationStream}. */
interface OperationStreamOptions {
  readonly work: Pick<Work, 'waitForTurn'>
  readonly envelop: (context: object) => Enveloped
  readonly maskError: MaskError
  readonly maxSubscriptions: number
  /** Maximum bytes that the operations of a stream retain together. */
  readonly maxRetainedBytes: number
  readonly metrics: ServerMetrics
  readonly note: WriteAudit
}

/** The frames of several operations, and the number of active operations. */
export interface OperationStream extends Frames {
  readonly size: () => number
  /** The maximum interval between heartbeats, as requested by the client. */
  readonly heartbeatMs: number
}

/**
 * Executes several subscriptions over one event stream; each event carries the id of its operation.
 * An operation that is refused or fails ends alone, with its errors and its `complete`. The stream
 * completes after the last operation, and is cut for all when the server temporarily cannot serve
 * one of them.
 *
 * No operation starts before the first frame is requested. The next result of an operation is
 * requested when its last one has been consumed, so an operation that is always ready does not
 * delay the others.
 */
export function createOperationStream(
  request: StreamRequest,
  context: ServerContext,
  options: OperationStreamOptions,
): OperationStream {
  const { heartbeatMs = Number.POSITIVE_INFINITY } = request
  const { maskError, maxSubscriptions, maxRetainedBytes, metrics, note, work } = options
  const { req, viewer, from, cut } = context
  const iterators = new Map<string, AsyncIterator<ExecutionResult>>()
  const unread = new Map<string, () => number>()
  const ready: { readonly frame: Frame; readonly onTaken?: () => void }[] = []
  /** Until they start: nothing may retain the request as long as the stream. */
  let waitingOperations: readonly StreamOperation[] = request.operations
  const waiting = new Set(waitingOperations.map(({ id }) => id))
  const budgetShare = 1 / waitingOperations.length
  const retainedParams = createRetained({ maxBytes: maxRetainedBytes, isOpen: (id) => waiting.has(id) })
  let wake: () => void = () => undefined
  let isLeft = false
  let isComplete = false

  const push = (frame: Frame, onTaken?: () => void): void => {
    ready.push(onTaken === undefined ? { frame } : { frame, onTaken })
    wake()
  }
  const pushResult = (id: string, result: ExecutionResult, onTaken?: () => void): void => {
    if (isUnavailable(result)) push({ cut: unavailable })
    else push({ text: `event: next\ndata: {"id":${JSON.stringify(id)},"payload":${toText(result)}}\n\n` }, onTaken)
  }
  const complete = (id: string): void => {
    iterators.delete(id)
    unread.delete(id)
    waiting.delete(id)
    push({ text: `event: complete\ndata: {"id":${JSON.stringify(id)}}\n\n` })
  }
  const fail = (id: string, error: unknown): void => {
    pushResult(id, { errors: [maskError(error)] })
    complete(id)
  }

  const subscribe = async ({ id, query, operationName, variables, extensions }: StreamOperation) => {
    const params: GraphQLParams = {
      query,
      ...(operationName ? { operationName } : {}),
      ...(variables ? { variables } : {}),
      ...(extensions ? { extensions } : {}),
    }
    const envelope = options.envelop({
      ...({ req, viewer, from, params } satisfies OperationContext),
      cut,
      onStream: (read: () => number) => unread.set(id, read),
      retain: (parts: RetainedParts) => retainedParams.add(id, parts),
      budgetShare,
    })
    const document = envelope.parse(query)
    const errors = envelope.validate(envelope.schema, document)
    if (errors.length > 0) return { errors }
    const operation = getOperationAST(document, operationName)
    if (operation?.operation !== OperationTypeNode.SUBSCRIPTION)
      throw new GraphQLError('Only subscriptions may be among the operations of one stream', {
        extensions: { code: 'BAD_INPUT' },
      })
    return envelope.subscribe({
      schema: envelope.schema,
      document,
      operationName: operationName ?? null,
      variableValues: variables ?? {},
      contextValue: await envelope.contextFactory(),
    })
  }
  const ask = async (id: string, iterator: AsyncIterator<ExecutionResult>): Promise<void> => {
    try {
      const step = await iterator.next()
      if (isLeft) return
      if (step.done === true) complete(id)
      else pushResult(id, step.value, () => void ask(id, iterator))
    } catch (error) {
      if (!isLeft) fail(id, error)
    }
  }
  const start = async (operation: StreamOperation): Promise<void> => {
    const { id } = operation
    try {
      const result = await subscribe(operation)
      if (isAsyncIterable(result)) {
        const iterator = result[Symbol.asyncIterator]()
        if (isLeft) return void (await iterator.return?.())
        iterators.set(id, iterator)
        return void ask(id, iterator)
      }
      if (isLeft) return
      pushResult(id, result)
      complete(id)
    } catch (error) {
      if (!isLeft) fail(id, error)
    }
  }
  const startAll = async (): Promise<void> => {
    const operations = waitingOperations
    waitingOperations = []
    for (const operation of operations.slice(maxSubscriptions)) refuse(operation)
    for (const operation of operations.slice(0, maxSubscriptions)) {
      await work.waitForTurn({ network: from.network, userId: viewer?.userId ?? null })
      if (isLeft) return
      // Parses before it first waits.
      void start(operation)
    }
  }
  const refuse = ({ id }: StreamOperation): void => {
    metrics.refused('subscriptions')
    const message = `At most ${maxSubscriptions} operations may be under way on one stream (MAX_SUBSCRIPTIONS_PER_SOCKET)`
    note('LIMITED', viewer, from, { reason: 'subscriptions', subject: 'sse', detail: message })
    fail(id, new GraphQLError(message, { extensions: { code: 'RATE_LIMITED', retryable: true } }))
  }

  context.onStream(() => unread.values().reduce((sum, read) => sum + read(), 0))
  return {
    size: () => waiting.size,
    heartbeatMs: Math.max(heartbeatMs, minHeartbeatMs),
    async next() {
      void startAll()
      while (ready.length === 0 && waiting.size > 0 && !isLeft)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      const entry = isLeft ? undefined : ready.shift()
      if (entry !== undefined) {
        entry.onTaken?.()
        return { done: false, value: entry.frame }
      }
      if (isComplete || isLeft) return { done: true, value: undefined }
      isComplete = true
      return { done: false, value: { text: 'event: complete\ndata:\n\n', isComplete: true } }
    },
    return() {
      isLeft = true
      wake()
      for (const iterator of iterators.values()) Promise.resolve(iterator.return?.()).catch(() => undefined)
      iterators.clear()
    },
  }
}
