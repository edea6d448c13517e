import type { Transaction } from '../../db/transaction.ts'
import { TidingsError } from '../../errors.ts'
import type { TaskDefinition } from '../model/task-definition.ts'
import { priorityMs } from '../queue/priority-boost.ts'
import { checkStartRequest } from './check-request.ts'
import { createKeyReused, digestOf } from './idempotency-key.ts'
import { queueTask } from './queue-task.ts'
import { createTooManyStarts } from './start-rate.ts'
import type { StartRequest } from './start-request.ts'

/**
 * Starts a task in a transaction of the application. The database itself notifies the workers when it commits
 * (`src/tasks/worker/committed-starts.ts`); nothing else happens in this process.
 *
 * The errors of a refused start leave the transaction usable, unlike those of its statements.
 *
 * @throws TidingsError `BAD_INPUT`, also for a kind with `begin`; `RATE_LIMITED`, `IDEMPOTENCY_KEY_REUSED`
 */
export async function startWithin(
  transaction: Transaction,
  request: StartRequest,
  options: {
    readonly definition: TaskDefinition
    readonly maxStartsPerMinute: number
    readonly idempotencyHours: number
    /** The schema of the engine. */
    readonly schema: string
  },
): Promise<{ readonly id: string; readonly isNew: boolean }> {
  const { definition, maxStartsPerMinute, idempotencyHours, schema } = options
  const parsed = checkStartRequest(definition, request)
  if (definition.begin !== undefined)
    throw new TidingsError(
      'BAD_INPUT',
      `The kind ${request.kind} has a function begin, which runs in a transaction of Tidings; start it without transaction`,
    )
  const { kind, input, owner, idempotencyKey } = request
  const queued = await queueTask(transaction, schema, {
    kind,
    input,
    owner,
    idempotencyKey,
    digest: digestOf(request),
    keptHours: idempotencyHours,
    maxStartsPerMinute,
    maxAttempts: definition.attempts,
    headStartMs: priorityMs(definition, parsed),
    announce: true,
  })
  switch (queued.outcome) {
    case 'NEW':
    case 'SAME':
      return { id: queued.id, isNew: queued.outcome === 'NEW' }
    case 'REUSED':
      throw createKeyReused(idempotencyKey, idempotencyHours)
    case 'LIMITED':
      throw createTooManyStarts(maxStartsPerMinute, queued.retryAfterMs)
  }
}
