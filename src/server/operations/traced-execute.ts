import { type ExecutionArgs, type ExecutionResult, execute, getOperationAST } from 'graphql'
import { parseTraceParent } from '../../tracing/trace-parent.ts'
import type { Tracing } from '../../tracing/tracing.ts'
import type { OperationContext } from '../request/context.ts'
import { codeOf } from '../request/mask.ts'
import { nameRootField } from './operations.ts'

/**
 * Wraps graphql's `execute` in a span for each operation, under the `traceparent` of the request: a
 * header, or over any transport `extensions: { traceparent }`.
 */
export function createTracedExecute(tracing: Tracing): (args: ExecutionArgs) => Promise<ExecutionResult> {
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
  const { req, params } = (context ?? {}) as Partial<OperationContext>
  const traceParent =
    req?.headers['traceparent'] ?? (params?.extensions as Record<string, unknown> | undefined)?.['traceparent']
  return typeof traceParent === 'string' && parseTraceParent(traceParent) !== null ? traceParent : null
}
