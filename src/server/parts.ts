import type { GraphQLSchema } from 'graphql'
import { createContext } from '../../schema/kit/context.ts'
import type { Services } from '../../schema/kit/services.ts'
import { pruneAuditLog } from '../audit/audit-log.ts'
import { readRedisAddress } from '../bus/redis-address.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/connect.ts'
import { readBusName } from '../db/epoch.ts'
import type { OwnableField } from '../live/execute/topic-field.ts'
import { createLive, type Live } from '../live/live.ts'
import { createPruner, type Pruner } from '../log/event-retention.ts'
import type { Logger } from '../logger.ts'
import { createRateLimits, type RateLimits } from '../rate-limits/rate-limits.ts'
import { pruneTasks } from '../tasks/worker/task-retention.ts'
import { noTracing, type Tracing } from '../tracing/tracing.ts'
import { createMaskError, createResultFormat } from './request/mask.ts'

/** Parts of a process that serves or runs tasks: the same for the Studio and for a team. */

/**
 * Creates the live delivery of an API: events are executed with the services alone, and their errors are masked like all others.
 */
export function createLiveDelivery({
  schema,
  services,
  config,
  logger,
  tracing = noTracing,
  isOwnField,
}: {
  readonly schema: GraphQLSchema
  readonly services: Services
  readonly config: Config
  readonly logger: Logger
  /** Off by default. */
  readonly tracing?: Tracing | undefined
  /** See `createLive`. */
  readonly isOwnField?: ((field: OwnableField) => boolean) | undefined
}): Live {
  const { reader, feeds } = services.engine
  return createLive({
    schema,
    reader,
    feeds,
    logger,
    config,
    tracing,
    isOwnField,
    eventContext: createContext(services, null, { catchUp: false }),
    ...createResultFormat(createMaskError(logger)),
  })
}

/** Logs each unknown `type` of task results once: the API returns null for all of them. */
export function createUnknownResultLog(logger: Logger): (type: unknown) => void {
  const loggedTypes = new Set<unknown>()
  return (type) => {
    if (loggedTypes.has(type) || loggedTypes.size >= 100) return
    loggedTypes.add(type)
    logger.error({ resultType: type }, 'task result has a type that the API does not have')
  }
}

/**
 * Opens the budgets of operations, shared by all servers of a database.
 *
 * @throws TidingsError `UNAVAILABLE`
 */
export async function openRateLimits(database: Database, config: Config, logger: Logger): Promise<RateLimits> {
  return createRateLimits({
    budgets: config.RATE_LIMITS,
    addressFactor: config.RATE_LIMIT_ADDRESS_FACTOR,
    redis: readRedisAddress(config),
    prefix: await readBusName(database),
    logger,
  })
}

/** Interval for deleting data older than `RETENTION_HOURS`. */
const pruneMs = 600_000

/**
 * Deletes events, tasks and entries of the audit log after their retention periods, until it is disposed.
 *
 * @param tasks - the kinds with periods of their own. Default none
 */
export function startPruning(
  database: Database,
  config: Config,
  logger: Logger,
  tasks: readonly { readonly kind: string; readonly eventRetentionHours?: number }[] = [],
): Pruner {
  return createPruner({
    database,
    logger,
    everyMs: pruneMs,
    retentionHours: config.RETENTION_HOURS,
    retentionHoursByKind: Object.fromEntries(
      tasks.flatMap(({ kind, eventRetentionHours: hours }) => (hours === undefined ? [] : [[kind, hours]])),
    ),
    idempotencyHours: config.IDEMPOTENCY_HOURS,
    others: [
      (maxRows) => pruneTasks(database, { retentionDays: config.TASK_RETENTION_DAYS, maxTasks: maxRows }),
      (maxRows) => pruneAuditLog(database, { keptDays: config.AUDIT_DAYS, maxRows }),
    ],
  })
}
