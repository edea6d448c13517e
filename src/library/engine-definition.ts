import { z } from 'zod'
import type { JsonObject } from '../db/tables.ts'
import { FinalError, RetryableError } from '../tasks/model/failure.ts'
import { createTaskDefinition, type TaskDefinition } from '../tasks/model/task-definition.ts'
import type { ErrorSchemas, FailureOptions, Failures, HandlerServices, RetryPolicy, TaskKind } from './define-task.ts'

/**
 * Converts a team's kind of task to the one that the engine runs: with the typed failures, and with the result checked against its
 * schema.
 *
 * @param context - passed to every `run`
 */
export function toEngineDefinition(definition: TaskKind, context: HandlerServices): TaskDefinition {
  const {
    kind,
    result,
    description: _,
    authorize: __,
    retentionDays: ___,
    eventRetentionHours: ____,
    errors: schemas = {},
    retry = {},
    ...options
  } = definition
  const errors = createFailures(kind, schemas, retry)
  return createTaskDefinition<Record<string, unknown>, JsonObject>({
    ...options,
    kind,
    async *run(engineContext) {
      const { taskId, owner, input, attempt, items, signal, logger } = engineContext
      const returned = yield* definition.run({ taskId, owner, input, attempt, items, signal, logger, errors, context })
      return result === undefined ? {} : (parse(result, returned, `result of ${kind}`) as JsonObject)
    },
  }) as TaskDefinition
}

function createFailures<E extends ErrorSchemas>(
  kind: string,
  schemas: E,
  policies: Readonly<Partial<Record<string, RetryPolicy>>>,
): Failures<E> {
  const entries = Object.entries(schemas).map(([code, schema]) => [
    code,
    (given: unknown, options: FailureOptions = {}): never => {
      const policy = policies[code]
      const { message, advice, retryAfterMs } = options
      const { retry = policy !== undefined || retryAfterMs !== undefined } = options
      const values = parse(schema, given, `details of ${code} of ${kind}`) as JsonObject
      const text = message ?? schema.description ?? `The task failed: ${code}.`
      const failure = { details: { kind, values }, ...(advice === undefined ? {} : { advice }) }
      if (!retry) throw new FinalError(code, text, failure)
      throw new RetryableError(code, text, { ...failure, retryAfterMs: retryAfterMs ?? policy?.afterMs ?? 0 })
    },
  ])
  return Object.fromEntries(entries) as Failures<E>
}

/** @throws TypeError when a value of the handler does not fit: a defect, which fails the task as `INTERNAL` and is logged */
function parse(schema: z.ZodObject, value: unknown, subject: string): unknown {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new TypeError(`The ${subject} does not fit its schema:\n${z.prettifyError(parsed.error)}`)
}
