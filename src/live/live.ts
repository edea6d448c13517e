import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLError,
  type GraphQLSchema,
  locatedError,
} from 'graphql'
import { createEndOfTurn } from '../async/end-of-turn.ts'
import { onEnd } from '../async/on-end.ts'
import { TidingsError } from '../errors.ts'
import type { Feeds } from '../log/feed.ts'
import type { LogReader } from '../log/read.ts'
import type { Logger } from '../logger.ts'
import { noTracing, type Tracing } from '../tracing/tracing.ts'
import { createPayload, cursorOfSource, type Marks, type Payload } from './deliver/frames.ts'
import { createGroup } from './deliver/group.ts'
import { iterateNothing, iterateStream } from './deliver/iterate.ts'
import type { PayloadCache, PayloadOrPromise } from './deliver/payload-execution.ts'
import { registerOperation } from './deliver/register-operation.ts'
import type { SinkOperation } from './deliver/sink.ts'
import { createSocketSink, type SocketSink } from './deliver/socket-sink.ts'
import { createStreamSink, setCursor } from './deliver/stream-sink.ts'
import { createSubscriber, type Ending, type Entry, type LiveCounters, type Subscriber } from './deliver/subscriber.ts'
import { ownContextOf } from './execute/own-context.ts'
import { createPlans, type TopicOperation } from './execute/plan.ts'
import type { Opening, OwnableField, StartingPoint } from './execute/topic-field.ts'

/** The part of an operation's context that a transport sets for its subscriptions. */
interface LiveContext {
  /** The destination of the payloads. Without one they are returned as results. */
  readonly sinkOperation?: SinkOperation | undefined
  /**
   * Closes the connection of a client that stopped reading a stream of results, so that it
   * reconnects.
   */
  readonly cut?: (() => void) | undefined
  /** Receives a function that returns the number of bytes waiting in a stream of results. */
  readonly onStream?: ((unreadBytes: () => number) => void) | undefined
  /** Called when a stream of results has caught up with the log. */
  readonly onCaughtUp?: (() => void) | undefined
  /**
   * The share of the budget available to a stream of results if a connection has several.
   * @default 1
   */
  readonly budgetShare?: number | undefined
  /** Executes a subscription that does not follow a topic; graphql by default. */
  readonly subscribeOther?: ((args: ExecutionArgs) => ReturnType<typeof subscribeAlone>) | undefined
  /** Whether to complete once the subscription has caught up. */
  readonly catchUp?: boolean | undefined
  /** Whether the viewer's token is scoped: operations with fields that depend on that are executed per viewer. */
  readonly isLimited?: boolean | undefined
}

/** Live delivery: subscriptions to topics. */
export interface Live {
  /**
   * Replaces graphql's `subscribe` for all fields; subscriptions that do not follow a topic are
   * delegated to graphql.
   *
   * With a `sinkOperation` in its context, the payloads of a topic are written to that sink, and the
   * returned iterable never yields: it ends with the topic, and fails if the subscription fails.
   * Without one it yields results, whose text `serialisedOf` returns. `onOver` is called once, when
   * a started subscription has ended for any reason.
   */
  subscribe(args: ExecutionArgs, onOver?: () => void): Promise<AsyncIterable<ExecutionResult> | ExecutionResult>
  /** Creates the sink of a WebSocket and its underlying TCP socket. */
  openSocket(options: Omit<Parameters<typeof createSocketSink>[0], 'common'>): SocketSink
  readonly counters: Readonly<LiveCounters>
  /** Number of groups. */
  readonly size: number
  /** Returns the number of subscriptions per topic that has any. */
  topics(): ReadonlyMap<string, number>
}

/** The settings of live delivery. */
export interface LiveConfig {
  /** Maximum number of unread bytes per connection. */
  readonly MAX_SOCKET_BUFFER_BYTES: number
  /** How long a client with a full buffer may read nothing before it is asked to reconnect. */
  readonly SLOW_READER_MS: number
}

/**
 * Creates the live delivery of one process.
 *
 * @param options.eventContext - the context of resolvers when an event is executed for a group; it
 * has no viewer
 * @param options.mask - masks the errors of a result that graphql-js executed
 * @param options.format - converts a masked result into its wire format
 * @param options.isAway - whether a masked result says that this server is unavailable; its
 * subscribers then fail, and resume
 * @param options.isOwnField - whether a field is known to depend on the viewer only if it says so; by default all are
 */
export function createLive(options: {
  readonly schema: GraphQLSchema
  readonly reader: LogReader
  readonly feeds: Feeds
  readonly logger: Logger
  readonly config: LiveConfig
  readonly eventContext: object
  readonly mask?: (result: ExecutionResult) => ExecutionResult
  readonly format?: (result: ExecutionResult) => unknown
  readonly isAway?: (result: ExecutionResult) => boolean
  readonly isOwnField?: ((field: OwnableField) => boolean) | undefined
  /** Off by default. */
  readonly tracing?: Tracing
}): Live {
  const { schema, reader, feeds, logger, config, tracing = noTracing } = options
  const { mask = (result) => result, format = (result) => result, isAway = () => false } = options
  const eventContext = withoutViewer(options.eventContext)
  const plans = createPlans(schema, options.isOwnField)
  const turn = createEndOfTurn((error) => logger.error({ err: error }, 'failed to deliver live'))
  const counters: LiveCounters = {
    executed: 0,
    interpreted: 0,
    lagged: 0,
    summarised: 0,
    givenUp: 0,
    leftCorked: 0,
    ws: { payloads: 0, bytes: 0 },
    sse: { payloads: 0, bytes: 0 },
    polling: { payloads: 0, bytes: 0 },
  }
  const entries = new Map<string, Entry>()
  let individuals = 0
  const groups = { feeds, payloads: new WeakMap() as PayloadCache, turn, tracing }
  const budgetBytes = config.MAX_SOCKET_BUFFER_BYTES
  const patienceMs = config.SLOW_READER_MS
  const exit = (entry: Entry): void => {
    entry.users--
    if (entry.users > 0 || entries.get(entry.key) !== entry) return
    entries.delete(entry.key)
    entry.group.close()
  }
  const delivery = { log: { reader, feeds }, turn, counters, maxBytes: budgetBytes / 8, exit }
  const socketSinks = {
    budgetBytes,
    patienceMs,
    sent: counters.ws,
    onGivenUp() {
      counters.givenUp++
    },
    onLeftCorked() {
      counters.leftCorked++
      logger.error('flushed a socket that had stayed corked past the end of a turn')
    },
  }

  const toPayload = (unmasked: ExecutionResult, about: Parameters<typeof createPayload>[1]): Payload => {
    const result = mask(unmasked)
    // Without the result the type of the event is unknown: all subscribers fail, and resume from it
    // when the server is available again.
    if (isAway(result)) throw result.errors?.[0] ?? new TidingsError('UNAVAILABLE', 'The server cannot serve this now')
    return createPayload(JSON.stringify(format(result)), about)
  }
  const createExecution =
    ({ plan, variableValues, isShared }: TopicOperation, contextValue: unknown) =>
    (rootValue: unknown, marks?: Marks): PayloadOrPromise => {
      counters.executed++
      const about = { cursor: cursorOfSource(rootValue), marks }
      // A resolver that reads the viewer usually loads something, which only graphql-js can execute.
      const text = isShared ? plan.execute(rootValue, eventContext) : null
      if (text !== null) return createPayload(text, about)
      counters.interpreted++
      const { document, operationName } = plan
      const result = execute({
        schema,
        document,
        rootValue,
        contextValue,
        variableValues,
        ...(operationName === undefined ? {} : { operationName }),
      })
      return result instanceof Promise
        ? result.then((executionResult) => toPayload(executionResult, about))
        : toPayload(result as ExecutionResult, about)
    }

  /** Executes a subscription that does not follow a topic. */
  const delegate = async (
    args: ExecutionArgs,
    { sinkOperation, subscribeOther = subscribeAlone }: LiveContext,
    onOver: () => void,
  ): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> => {
    const source = await subscribeOther(args)
    if (!(Symbol.asyncIterator in source)) {
      onOver()
      return source
    }
    const results = onEnd(source, onOver)
    return sinkOperation === undefined ? results : registerOperation(results, sinkOperation, mask)
  }

  const enter = async (operation: TopicOperation, context: unknown): Promise<Entered> => {
    const { field, args, plan, variableValues } = operation
    // Authorizes every viewer before anything is shared.
    const { topic, guard, firstSnapshot } = await field.open(args, context, {
      schema,
      document: plan.document,
      variableValues,
    })
    const start = field.startOf(args, topic.topic)
    const { isShared } = operation
    // For some fields the topic depends on the viewer, such as an inbox, and the operation does not
    // show it. An operation that depends on the viewer has a group of its own.
    const key = `${topic.topic} ${operation.key}${isShared ? '' : ` ${++individuals}`}`
    let entry = entries.get(key)
    if (entry === undefined) {
      entry = {
        key,
        group: createGroup({
          groups,
          topic,
          execute: createExecution(operation, isShared ? eventContext : context),
          isShared,
        }),
        users: 0,
      }
      // Every subscriber that awaits it also receives the error.
      entry.group.opened.catch((error: unknown) =>
        logger.debug({ err: error, topic: topic.topic }, 'failed to attach to a feed'),
      )
      entries.set(key, entry)
    }
    entry.users++
    return { entry, start, guard, firstSnapshot }
  }
  // Not in `subscribe`: closures that live as long as the subscription would keep what was opened for it, its first snapshot too.
  const attach =
    (
      entered: Entered,
      { sinkOperation, isCatchUp = false }: { readonly sinkOperation: SinkOperation; readonly isCatchUp?: boolean },
      onOver: () => void,
    ) =>
    (ending: Ending): Subscriber =>
      createSubscriber({ delivery, ...entered, isCatchUp, sinkOperation, ending, onOver })

  return {
    counters,
    get size() {
      return entries.size
    },
    topics() {
      const counts = new Map<string, number>()
      for (const { group, users } of entries.values())
        counts.set(group.topic.topic, (counts.get(group.topic.topic) ?? 0) + users)
      return counts
    },
    openSocket: (socketOptions) => createSocketSink({ ...socketOptions, common: socketSinks }),
    async subscribe(args, onOver = () => undefined) {
      const context = ownContextOf<LiveContext>(args.contextValue)
      const operation = plans.read(args, context.isLimited === true)
      if (operation === null) return delegate(args, context, onOver)
      if (isErrors(operation)) {
        onOver()
        return { errors: operation }
      }
      let entered: Entered
      try {
        entered = await enter(operation, args.contextValue)
      } catch (error) {
        onOver()
        const name = operation.node.alias ?? operation.node.name
        return { errors: [locatedError(error, [operation.node], [name.value])] }
      }
      const { sinkOperation } = context
      if (sinkOperation !== undefined)
        return iterateNothing(sinkOperation.sink, attach(entered, { sinkOperation }, onOver))
      const isCatchUp = context.catchUp === true
      const stream = createStreamSink({
        budgetBytes: budgetBytes * (context.budgetShare ?? 1),
        patienceMs,
        onCaughtUp: context.onCaughtUp,
        sent: isCatchUp ? counters.polling : counters.sse,
        giveUp() {
          counters.givenUp++
          context.cut?.()
        },
      })
      context.onStream?.(stream.unreadBytes)
      const subscriber = attach(
        entered,
        { sinkOperation: { sink: stream.sink, operationId: noOperationId, number: 0 }, isCatchUp },
        onOver,
      )(stream)
      return iterateStream(stream.next, subscriber)
    },
  }
}

/** The group of a subscriber, where it starts, and what was opened for it alone. */
interface Entered extends Pick<Opening<unknown>, 'guard' | 'firstSnapshot'> {
  readonly entry: Entry
  readonly start: StartingPoint
}

const noOperationId = Buffer.alloc(0)

function isErrors(read: TopicOperation | readonly GraphQLError[]): read is readonly GraphQLError[] {
  return Array.isArray(read)
}

/** Returns the context without a viewer: an execution for a whole group must not depend on one. */
function withoutViewer(context: object): object {
  return Object.create(context, {
    viewer: {
      get() {
        throw new Error(
          'This event is executed once for all subscribers of its group, so its resolvers must not read the viewer: put what they need into the event, or declare the field with dependOn(…)',
        )
      },
    },
  }) as object
}

/**
 * Executes a subscription for a single viewer, like graphql's `subscribe`; results carry the cursor
 * of their event.
 */
async function subscribeAlone(args: ExecutionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
  const source = await createSourceEventStream(args)
  if (!(Symbol.asyncIterator in source)) return source
  const iterator = source[Symbol.asyncIterator]()
  const results: AsyncIterableIterator<ExecutionResult, undefined> = {
    async next() {
      const step = await iterator.next()
      if (step.done === true) return { done: true, value: undefined }
      const result = await execute({ ...args, rootValue: step.value })
      setCursor(result, cursorOfSource(step.value))
      return { done: false, value: result }
    },
    async return() {
      await iterator.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]: () => results,
  }
  return results
}
