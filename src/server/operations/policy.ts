import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
} from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { onEnd } from '../../async/on-end.ts'
import type { Config } from '../../config.ts'
import { ownContextOf } from '../../live/execute/own-context.ts'
import type { Live } from '../../live/live.ts'
import { keyOfUser } from '../../rate-limits/rate-limits.ts'
import { parseTraceParent } from '../../tracing/trace-parent.ts'
import { noTracing, type Tracing } from '../../tracing/tracing.ts'
import type { Budgets } from '../connections/budgets.ts'
import type { OperationType, ServerMetrics } from '../connections/server-metrics.ts'
import { type Work, type WorkSource, workOf } from '../connections/work.ts'
import { type OperationContext, type WriteAudit, wantsCatchUp } from '../request/context.ts'
import { createRetained, declaredParams, type RetainedParts, tooMuchRetained } from '../request/declared-params.ts'
import { createIntrospectionCheck, type Exposure } from '../request/exposure.ts'
import { codeOf } from '../request/mask.ts'
import type { OperationLimits } from './limits.ts'
import { createOperations, nameRootField, type Operations } from './operations.ts'

/** The arguments that `execute` and `subscribe` have in common, as far as the policy reads them. */
interface Arguments {
  readonly document: DocumentNode
  readonly operationName?: string | null | undefined
  readonly variableValues?: Readonly<Record<string, unknown>> | null | undefined
  readonly contextValue?: unknown
}

/** The policy applied to all operations. */
interface Policy {
  readonly plugin: Plugin
  /**
   * Executes a subscription as the plugin would, but bypasses yoga: yoga's layers would remain for
   * the lifetime of the subscription, kilobytes for each of many mostly idle subscribers.
   */
  readonly subscribe: (args: ExecutionArgs) => ReturnType<Live['subscribe']>
  /** See {@link Operations.charsOf}. */
  readonly charsOf: (document: DocumentNode) => number
}

/**
 * Creates the single policy for operations: how they are parsed, which are refused, and what
 * executes them. HTTP, SSE and WebSocket run the same hooks, because all of them use the
 * `getEnveloped` of the same yoga instance.
 *
 * graphql's own `execute` and `subscribe` are used instead of yoga's, so that `return()` of a
 * subscription reaches its source at once.
 */
export function createPolicy(options: {
  readonly schema: GraphQLSchema
  readonly limits: OperationLimits & Pick<Config, 'MAX_MESSAGE_BYTES'>
  readonly exposure: Exposure
  readonly budgets: Budgets
  readonly metrics: ServerMetrics
  readonly note: WriteAudit
  readonly work: Work
  /** Executes and delivers all subscriptions. */
  readonly live: Live
  /** Off by default. */
  readonly tracing?: Tracing | undefined
}): Policy {
  const { budgets, work, metrics, note, live, tracing = noTracing } = options
  const operations = createOperations(options.schema, options.limits, options.exposure)
  const checkIntrospection = createIntrospectionCheck(options.exposure)
  const refuse = ({ document, operationName, variableValues, contextValue }: Arguments) => {
    const operation = getOperationAST(document, operationName)
    const context = ownContextOf<OperationContext>(contextValue)
    const introspectionError = checkIntrospection(document, context.viewer)
    if (introspectionError !== null) return { errors: [introspectionError] }
    if (!operation) return null
    const { cost, error } = operations.checkCost(document, operation, variableValues)
    if (error === null) {
      work.record(sourceOf(context), workOf.costUnit * cost)
      return null
    }
    metrics.refused('cost')
    const { viewer, from } = context
    note('LIMITED', viewer, from, { reason: 'cost', subject: operation?.name?.value, detail: error.message })
    return { errors: [error] }
  }
  /**
   * Uses the budget of a query, subscription or poll; mutations use theirs one by one, see
   * `schema/kit/result.ts`.
   */
  const limit = async (name: 'queries' | 'subscriptions' | 'polls', { contextValue, ...args }: Arguments) => {
    const { viewer, from } = ownContextOf<OperationContext>(contextValue)
    const subject = getOperationAST(args.document, args.operationName)?.name?.value
    const key = keyOfUser(viewer?.userId ?? null, from.network)
    const refusal = await budgets.use(name, { key, from, viewer, subject })
    if (refusal === null) return null
    const { message, retryAfterMs } = refusal
    const extensions = { code: 'RATE_LIMITED', retryable: true, retryAfterMs }
    return { errors: [new GraphQLError(message, { extensions })] }
  }
  /** For a stream with one operation. */
  const retainAlone = (parts: RetainedParts): boolean =>
    createRetained({ maxBytes: options.limits.MAX_MESSAGE_BYTES, isOpen: () => false }).add('', parts)
  /**
   * Drops what a subscription over HTTP does not declare: yoga retains the parameters as long as the
   * stream. The protocol of WebSockets does the same for its operations.
   */
  const retainDeclared = (args: { -readonly [K in keyof Arguments]: Arguments[K] }): ExecutionResult | null => {
    const { req, params, retain = retainAlone } = ownContextOf<Partial<OperationContext>>(args.contextValue)
    const operation = getOperationAST(args.document, args.operationName)
    if (req === undefined || params === undefined || !operation) return null
    const operationParams = declaredParams(operation, params)
    Object.assign(params, { query: '', variables: undefined, extensions: undefined, ...operationParams })
    args.variableValues = operationParams.variables
    const { document } = args
    const documentChars = operations.charsOf(document)
    if (retain({ document, documentChars, variables: operationParams.variables })) return null
    metrics.refused('retained')
    return { errors: [tooMuchRetained('stream')] }
  }
  const workOfText = (text: string): number =>
    workOf.operation + (operations.isCached(text) ? 0 : workOf.documentByte * text.length)
  /** Counts a subscription when it starts; a running subscription has no duration. */
  const countBegun = (result: unknown): void =>
    metrics.operated('subscription', isAsyncIterable(result) ? null : firstCode(result))
  const plugin: Plugin = {
    // Requests that arrive together would otherwise all be parsed in one turn, while others wait.
    onParams: ({ context, params }) =>
      work.waitForTurn(sourceOf(ownContextOf(context)), workOfText(params.query ?? '')),
    onParse({ context, setParseFn }) {
      setParseFn((source: string | { readonly body: string }) => {
        const text = typeof source === 'string' ? source : source.body
        work.record(sourceOf(ownContextOf(context)), workOfText(text))
        try {
          return operations.parse(text)
        } catch (error) {
          metrics.operated('unknown', codeOf(error))
          throw error
        }
      })
    },
    onValidate({ context, setValidationFn }) {
      const isAuthenticated = ownContextOf<OperationContext>(context).viewer !== null
      setValidationFn((_schema: GraphQLSchema, document: DocumentNode) => {
        const errors = operations.validate(document, { isAuthenticated })
        if (errors.length > 0) metrics.operated('unknown', codeOf(errors[0]))
        return errors
      })
    },
    async onExecute({ args, setExecuteFn, setResultAndStopExecution }) {
      setExecuteFn(tracing.isOn ? createTracedExecute(tracing) : execute)
      const type: OperationType = getOperationAST(args.document, args.operationName)?.operation ?? 'unknown'
      const refusal = refuse(args) ?? (budgets.areLimited && type === 'query' ? await limit('queries', args) : null)
      if (refusal !== null) {
        metrics.operated(type, firstCode(refusal))
        return setResultAndStopExecution(refusal)
      }
      const startedAt = performance.now()
      return {
        onExecuteDone: ({ result }) => metrics.operated(type, firstCode(result), performance.now() - startedAt),
      }
    },
    async onSubscribe({ args, setSubscribeFn, setResultAndStopExecution }) {
      setSubscribeFn(live.subscribe)
      const name = wantsCatchUp(ownContextOf(args.contextValue)) ? 'polls' : 'subscriptions'
      const refusal = retainDeclared(args) ?? refuse(args) ?? (budgets.areLimited ? await limit(name, args) : null)
      if (refusal !== null) setResultAndStopExecution(refusal)
      return {
        onSubscribeResult({ result, setResult }) {
          countBegun(result)
          // A polling client disconnects in a moment, and is listed among the pollers.
          if (
            !isAsyncIterable(result) ||
            ownContextOf<{ readonly catchUp?: boolean }>(args.contextValue).catchUp === true
          )
            return
          setResult(onEnd(result, metrics.subscribed(nameRootField(args.document, args.operationName))))
        },
      }
    },
  }
  return {
    plugin,
    charsOf: operations.charsOf,
    async subscribe(args) {
      const result =
        refuse(args) ??
        (budgets.areLimited ? await limit('subscriptions', args) : null) ??
        (await live.subscribe(args, metrics.subscribed(nameRootField(args.document, args.operationName))))
      countBegun(result)
      return result
    },
  }
}

function sourceOf({ viewer, from, socketId }: OperationContext): WorkSource {
  return { network: from.network, userId: viewer?.userId ?? null, socketId }
}

/** Returns the code of the first error of a result; null without errors. */
function firstCode(result: unknown): string | null {
  const { errors } = result as { readonly errors?: readonly unknown[] }
  return errors === undefined || errors.length === 0 ? null : codeOf(errors[0])
}

/**
 * Wraps graphql's `execute` in a span for each operation, under the `traceparent` of the request: a
 * header, or over any transport `extensions: { traceparent }`.
 */
function createTracedExecute(tracing: Tracing): (args: ExecutionArgs) => Promise<ExecutionResult> {
  return (args) => {
    const { document, operationName, contextValue } = args
    const operation = getOperationAST(document, operationName)
    const type = operation?.operation ?? 'unknown'
    const name = `${type} ${nameRootField(document, operationName)}`
    return tracing.within(name, { role: 'server', parent: readTraceParent(contextValue) }, async (facts) => {
      facts['graphql.operation.type'] = type
      if (operation?.name !== undefined) facts['graphql.operation.name'] = operation.name.value
      const result = await execute(args)
      if (result.errors !== undefined && result.errors.length > 0) facts['error.type'] = codeOf(result.errors[0])
      return result
    })
  }
}

function readTraceParent(context: unknown): string | null {
  const { req, params } = ownContextOf<Partial<OperationContext>>(context)
  const traceParent =
    req?.headers['traceparent'] ?? (params?.extensions as Record<string, unknown> | undefined)?.['traceparent']
  return typeof traceParent === 'string' && parseTraceParent(traceParent) !== null ? traceParent : null
}
