import { createKeyedQueue } from '../../async/index.ts'
import { createTopic, type Database, type Engine, type LogEvent, withTransaction } from '../../engine.ts'

/** The topic of changes to a user's own tasks and library. */
export function viewerTopic(userId: string): string {
  return `viewer:${userId}`
}

/** The topics of changes to users' lists. */
export interface ViewerUpdates {
  /** Creates the topic of a user, unless it exists: changes are recorded from then on. */
  open(userId: string): Promise<void>
  /**
   * Returns the seq of the newest event, without a state: the lists are read separately. null when
   * the topic was never opened.
   */
  snapshot(userId: string): Promise<{ readonly seq: number; readonly state: null } | null>
  /**
   * Appends the recorded changes of all users to their topics, and publishes them.
   *
   * @returns the number of appended events
   */
  flush(): Promise<number>
  /** Flushes within milliseconds, after a change that no event of a task reports. Never throws. */
  flushSoon(): void
}

/** Events after which the status of a task has changed. */
const statusEvents: ReadonlySet<string> = new Set([
  'TaskQueued',
  'TaskStarted',
  'TaskRetrying',
  'TaskCompleted',
  'TaskFailed',
  'TaskCanceled',
])
/** Topics of objects in users' lists: most of their events change what a list shows. */
const objectTopic = /^(roadmap|quiz|preview|session):/
/** Events that change no list, and are frequent. */
const contentEvents: ReadonlySet<string> = new Set([
  'RoadmapContentChanged',
  'SessionMessageAdded',
  'SessionMessageChanged',
  'SessionReplyAdvanced',
  'SessionStatisticsChanged',
])
/** How long changes are collected before they are flushed. */
const collectMs = 20
/** Held by one flush at a time, so that changes are appended in their order. */
const flushLock = [0x76696577, 1] as const
/** Maximum number of changes in one statement. */
const batch = 500

/**
 * Moves recorded changes (migration 0031) to the log, in their order. Topics are locked in the order of their names, as by every append.
 */
const flushStatement = /* sql */ `
with due as materialized (select id, user_id from studio.viewer_change order by id limit $1),
held as materialized (
  select name, seq from tidings.topic where name in (select 'viewer:' || user_id from due) order by name for no key update
),
taken as (
  delete from studio.viewer_change c using due where c.id = due.id returning c.id, 'viewer:' || c.user_id as topic, c.type, c.payload
),
numbered as materialized (
  select held.name, held.seq + row_number() over (partition by held.name order by taken.id) as seq, type, payload
  from held join taken on taken.topic = held.name
),
moved as (
  update tidings.topic set seq = newest.seq from (select name, max(seq) as seq from numbered group by name) newest
  where topic.name = newest.name
)
insert into tidings.event (topic, seq, type, at, payload)
select name, seq, type, date_trunc('milliseconds', clock_timestamp()), payload from numbered
returning topic, seq, type, at, payload`

/** Creates the topics of users' lists. */
export function createViewerUpdates({
  database,
  appender,
  reader,
  onAppended,
}: Pick<Engine, 'appender' | 'reader' | 'onAppended'> & { readonly database: Pick<Database, 'pool'> }): ViewerUpdates {
  const { pool } = database
  const flushBatch = (): Promise<{ readonly events: readonly LogEvent[]; readonly epoch: string }> =>
    withTransaction(database, async (client) => {
      // A separate statement, so that the next one sees the result of the previous flush.
      await client.query('select pg_advisory_xact_lock($1, $2)', [...flushLock])
      const current = await client.query<{ epoch: string }>('select tidings.log_epoch() as epoch')
      const { rows } = await client.query<Omit<LogEvent, 'at'> & { at: Date }>(flushStatement, [batch])
      const events = rows.map(({ at, ...event }) => ({ ...event, at: at.toISOString() }))
      return { events, epoch: current.rows[0]?.epoch ?? '' }
    })
  const flushAll = async (): Promise<number> => {
    let count = 0
    for (;;) {
      const { rows } = await pool.query<{ found: boolean }>('select exists (select from studio.viewer_change) as found')
      if (rows[0]?.found !== true) return count
      const { events, epoch } = await flushBatch()
      const byTopic = Map.groupBy(events, ({ topic }) => topic)
      for (const own of byTopic.values())
        appender.publish(
          own.toSorted((a, b) => a.seq - b.seq),
          epoch,
        )
      count += events.length
    }
  }
  // One flush of this process at a time: a change during a flush is flushed after it, together with all others until then.
  let isDue = false
  const inTurn = createKeyedQueue()
  const flush = (): Promise<number> =>
    inTurn('flush', () => {
      isDue = false
      return flushAll()
    })
  const flushSoon = (): void => {
    // After a failure, the changes are flushed with the next change, or by the periodic flush, which reports failures.
    if (isDue) return
    isDue = true
    setTimeout(() => void flush().catch(() => undefined), collectMs).unref()
  }
  onAppended((topic, events) => {
    const isChange = topic.startsWith('task:')
      ? events.some(({ type }) => statusEvents.has(type))
      : objectTopic.test(topic) && events.some(({ type }) => !contentEvents.has(type))
    if (isChange) flushSoon()
  })

  return {
    open: (userId) => createTopic(pool, viewerTopic(userId)),
    async snapshot(userId) {
      const head = await reader.head(viewerTopic(userId))
      return head === null ? null : { seq: head.seq, state: null }
    },
    flush,
    flushSoon,
  }
}
