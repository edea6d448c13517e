import type { PoolClient } from 'pg'
import type { DocumentFigures, Figures, HourFigures, QuestionTiming, TaskCounts } from './state.ts'

/** Maximum number of documents, and of questions, in one result. */
const maxTold = 200
/** Older hours are not included. */
const toldDays = 30
/** Percentiles cover only this many recent questions: the work is bounded and the figures are current. */
const maxSamples = 1_000

const milliseconds = 'extract(epoch from completed_at - started_at) * 1000'

/** Selects figures of `$1`, restricted to one document by `condition`: one row from each lateral. */
const figuresOf = (condition: string): string => /* sql */ `
  (select count(*) filter (where kind = 'GENERATE_QUIZ')::int as generated,
      count(*) filter (where kind = 'REPLACE_QUESTION')::int as replaced
    from studio.analytics_question where owner = $1 ${condition} and completed_at is not null) made
  cross join lateral (select count(*)::int as accepted
    from studio.analytics_review where owner = $1 ${condition} and is_accepted) reviewed
  cross join lateral (select percentile_cont(array[0.5, 0.9]) within group (order by ms) as ms
    from (select ${milliseconds} as ms from studio.analytics_question
      where owner = $1 ${condition} and completed_at is not null and started_at is not null
      order by completed_at desc, topic, question_id limit ${maxSamples}) last) times
  cross join lateral (select count(*) filter (where status = 'QUEUED')::int as queued,
      count(*) filter (where status = 'RUNNING')::int as running,
      count(*) filter (where status = 'RETRYING')::int as retrying,
      count(*) filter (where status = 'COMPLETED')::int as completed,
      count(*) filter (where status = 'FAILED')::int as failed,
      count(*) filter (where status = 'CANCELED')::int as canceled
    from studio.analytics_topic where owner = $1 ${condition} and kind <> 'REVIEW') tasks`

const totalsQuery = `select * from ${figuresOf('')}`
const documentsQuery = /* sql */ `
  select d.document_id, d.title, d.last_at, made.*, reviewed.*, times.*, tasks.*
  from (select document_id, (array_agg(title order by at desc))[1] as title, max(at) as last_at
    from studio.analytics_topic where owner = $1 and at is not null and ($2::text[] is null or document_id = any($2))
    group by document_id order by last_at desc, document_id limit ${maxTold}) d
  cross join lateral ${figuresOf('and document_id = d.document_id')}
  order by d.last_at desc, d.document_id`

interface FiguresRow extends TaskCounts {
  generated: number
  replaced: number
  accepted: number
  ms: readonly number[] | null
}

function toFigures({ generated, replaced, accepted, ms, ...tasks }: FiguresRow): Figures {
  const { queued, running, retrying, completed, failed, canceled } = tasks
  const endedCount = completed + failed
  const rounded = (value: number | undefined): number | null => (value === undefined ? null : Math.round(value))
  return {
    generatedCount: generated,
    replacedCount: replaced,
    acceptedCount: accepted,
    medianMs: rounded(ms?.[0]),
    p90Ms: rounded(ms?.[1]),
    failureRate: endedCount === 0 ? null : failed / endedCount,
    tasks: { queued, running, retrying, completed, failed, canceled },
  }
}

/** Reads the totals over all of an owner's documents. */
export async function readTotals(client: PoolClient, owner: string): Promise<Figures> {
  const { rows } = await client.query<FiguresRow>(totalsQuery, [owner])
  const [row] = rows
  if (row === undefined) throw new Error('The figures were not answered')
  return toFigures(row)
}

/** Reads the figures of the given documents, or of the most recently active ones. */
export async function readFigures(
  client: PoolClient,
  owner: string,
  documentIds: readonly string[] | null,
): Promise<readonly DocumentFigures[]> {
  const { rows } = await client.query<FiguresRow & { document_id: string; title: string; last_at: Date }>(
    documentsQuery,
    [owner, documentIds],
  )
  return rows.map((row) => ({
    documentId: row.document_id,
    title: row.title,
    lastAt: row.last_at.toISOString(),
    ...toFigures(row),
  }))
}

/**
 * Reads how many questions were created in each given hour (RFC 3339), or in the non-empty hours of
 * the last 30 days.
 */
export async function readHours(
  client: PoolClient,
  owner: string,
  hours: readonly string[] | null,
): Promise<readonly HourFigures[]> {
  const { rows } = await client.query<{ hour: Date; generated: number; replaced: number }>(
    hours === null
      ? `select date_trunc('hour', completed_at, 'UTC') as hour, count(*) filter (where kind = 'GENERATE_QUIZ')::int as generated,
          count(*) filter (where kind = 'REPLACE_QUESTION')::int as replaced
        from studio.analytics_question where owner = $1 and completed_at > now() - $2 * interval '1 day' group by 1 order by 1`
      : `select h.hour, made.* from unnest($2::timestamptz[]) as h(hour)
        cross join lateral (select count(*) filter (where kind = 'GENERATE_QUIZ')::int as generated,
            count(*) filter (where kind = 'REPLACE_QUESTION')::int as replaced
          from studio.analytics_question where owner = $1
            and completed_at >= h.hour and completed_at < h.hour + interval '1 hour') made order by 1`,
    [owner, hours ?? toldDays],
  )
  return rows.map(({ hour, generated, replaced }) => ({
    hour: hour.toISOString(),
    generatedCount: generated,
    replacedCount: replaced,
  }))
}

/** Reads how long each question of the given topics took, or the most recent ones; ordered by completion. */
export async function readTimings(
  client: PoolClient,
  owner: string,
  questionKeys: readonly { readonly topic: string; readonly questionId: string }[] | null,
): Promise<readonly QuestionTiming[]> {
  const { rows } = await client.query<{
    topic: string
    question_id: string
    document_id: string
    kind: string
    completed_at: Date
    ms: number | null
  }>(
    `select topic, question_id, document_id, kind, completed_at, (${milliseconds})::float8 as ms from studio.analytics_question
     where owner = $1 and completed_at is not null
       and ($2::text[] is null or (topic, question_id) in (select * from unnest($2::text[], $3::text[])))
     order by completed_at desc, topic desc, question_id desc limit ${maxTold}`,
    [owner, questionKeys?.map(({ topic }) => topic) ?? null, questionKeys?.map(({ questionId }) => questionId) ?? null],
  )
  return rows.reverse().map((row) => ({
    id: `${row.topic.replace(/^task:/, '')}/${row.question_id}`,
    documentId: row.document_id,
    origin: row.kind === 'REPLACE_QUESTION' ? 'REPLACED' : 'GENERATED',
    at: row.completed_at.toISOString(),
    durationMs: row.ms === null ? null : Math.round(row.ms),
  }))
}
