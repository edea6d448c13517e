import { createSingleFlight } from '../../async/index.ts'
import { type Database, type Logger, type TransactionalAppender, withTransaction } from '../../engine.ts'
import { projectTopics } from './project.ts'
import type { LockedTopic } from './write.ts'

/** Counts events of the logs. Disposing waits for the current step. */
export interface Projector extends AsyncDisposable {
  /**
   * Counts everything that is due, step by step. Rejects when a step fails; earlier steps remain
   * committed.
   */
  run(): Promise<void>
  /** Signals that there may be events to count; signals in quick succession are counted together. */
  wake(): void
}

/** Maximum number of topics in one step. */
const topicsPerStep = 50
/** Changes closer together than this are counted and published together. */
const gatherMs = 100

/** Columns of an analytics topic that {@link projectTopics} needs. */
export const lockedColumns = 'a.topic, a.owner, a.kind, a.document_id, a.seq'

/**
 * Creates the projector of a process. Several processes may have one: each takes topics that no
 * other has locked.
 *
 * @param options.everyMs - polling interval, for events without a wake-up: those that other
 * processes append
 */
export function createProjector(options: {
  readonly database: Database
  readonly appender: TransactionalAppender
  readonly logger: Logger
  readonly everyMs: number
}): Projector {
  const { database, appender, logger, everyMs } = options
  let isStopped = false

  const step = (): Promise<boolean> =>
    withTransaction(database, async (client) => {
      const { rows } = await client.query<LockedTopic>(
        `select ${lockedColumns} from studio.analytics_topic a left join tidings.topic t on t.name = a.topic
         where a.is_due and (t.name is null or t.seq > a.seq) order by a.topic limit $1
         for no key update of a skip locked`,
        [topicsPerStep],
      )
      if (rows.length > 0) await projectTopics(client, appender, rows)
      return rows.length > 0
    })

  const run = createSingleFlight(async () => {
    while (!isStopped && (await step()));
  })
  const look = (): void => {
    run().catch((error: unknown) => logger.warn({ err: error }, 'failed to project analytics; retrying'))
  }
  let gathering: NodeJS.Timeout | undefined
  const timer = setInterval(look, everyMs).unref()
  return {
    run,
    wake() {
      if (isStopped || gathering !== undefined) return
      gathering = setTimeout(() => {
        gathering = undefined
        look()
      }, gatherMs).unref()
    },
    async [Symbol.asyncDispose]() {
      isStopped = true
      clearInterval(timer)
      clearTimeout(gathering)
      await run.pending()?.catch(() => undefined)
    },
  }
}
