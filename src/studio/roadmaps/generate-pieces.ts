import type { PoolClient } from 'pg'
import {
  type Database,
  type Ending,
  type FailureState,
  FinalError,
  item,
  output,
  type Report,
  type TaskContext,
} from '../../engine.ts'
import { seedOf, toTaskFailure } from '../content/attempt.ts'
import { ContentError, type ContentPiece, type ContentProvider, maxSourceCharacters } from '../content/provider.ts'
import { parallel } from './parallel.ts'
import { itemKey } from './roadmaps.ts'
import type { PieceState, RoadmapLog } from './updates.ts'

/** The data needed to generate a piece. */
interface PieceSource {
  readonly concept_id: string
  readonly roadmap_id: string
  readonly piece: ContentPiece
  readonly title: string
  readonly roadmap: string
  readonly stage_title: string
  readonly module_title: string
  readonly source: string
  readonly links: readonly { readonly text: string; readonly url: string }[]
  readonly revision: number
}

/** Maximum number of the roadmap's concepts that a provider may take distractors from. */
const maxCorpus = 60
/** Number of pieces that may exceed their time or memory before the whole task fails. */
const maxComplex = 3

/** The result of generating several pieces. */
interface Generated {
  readonly completed: number
  readonly failed: number
  /** The last final failure, for tasks without any other result. */
  readonly lastFailure: FailureState | null
}

/**
 * Generates the uncompleted items of a task, streaming each piece's text under its key. A final
 * failure of a piece fails its item, and the others continue; a transient failure ends the attempt.
 */
export async function* generatePieces(
  context: Pick<TaskContext<unknown>, 'items' | 'signal' | 'database' | 'taskId'> & {
    readonly keys?: readonly string[]
  },
  provider: ContentProvider,
  { roadmapLog, concurrency }: { readonly roadmapLog: RoadmapLog; readonly concurrency: number },
): AsyncGenerator<Report, Generated, void> {
  const { signal, database, taskId } = context
  const keys =
    context.keys ??
    context.items.filter(({ status }) => status !== 'COMPLETED' && status !== 'SKIPPED').map(({ key }) => key)
  const sources = await readSources(database, keys)
  const corpus = await readCorpus(database, sources[0]?.concept_id)
  let completedCount = 0
  let failedCount = 0
  let complex = 0
  let lastFailure: FailureState | null = null

  async function* generateOne(source: PieceSource): AsyncGenerator<Report, void, void> {
    const { concept_id: conceptId, roadmap_id: roadmapId, piece } = source
    const key = itemKey(conceptId, piece)
    const appendState = (client: PoolClient, state: Pick<PieceState, 'status' | 'error'>): Promise<void> =>
      roadmapLog.append(client, roadmapId, {
        type: 'RoadmapContentChanged',
        payload: { taskId, pieces: [{ conceptId, piece, ...state }] },
      })
    yield item.started(key, async (client) => {
      const isNews = await markGenerating(client, conceptId, piece, taskId)
      if (isNews) await appendState(client, { status: 'GENERATING', error: null })
    })
    try {
      let body = ''
      const pieces = provider.generate({
        piece,
        title: source.title,
        context: { roadmap: source.roadmap, stage: source.stage_title, module: source.module_title },
        source: source.source,
        links: source.links,
        corpus,
        seed: seedOf(key, source.revision),
        signal,
      })
      for await (const text of pieces) {
        body += text
        yield output(key, text)
      }
      yield item.completed(key, async (client) => {
        await storeBody(client, conceptId, piece, body)
        await appendState(client, { status: 'COMPLETED', error: null })
      })
      completedCount++
    } catch (error) {
      if (!(error instanceof ContentError)) throw error
      if (error.retryable) throw toTaskFailure(error)
      const failure: FailureState = { code: error.code, message: error.message, retryable: false, advice: error.advice }
      failedCount++
      lastFailure = failure
      if (error.code === 'TOO_COMPLEX') complex++
      // Each of them took its whole time: the other pieces of such a document hardly differ.
      if (complex >= maxComplex) throw toTaskFailure(error)
      yield item.failed(key, failure, async (client) => {
        await storeFailure(client, conceptId, piece, failure)
        await appendState(client, { status: 'FAILED', error: failure })
      })
    }
  }

  yield* parallel(sources, concurrency, generateOne)
  return { completed: completedCount, failed: failedCount, lastFailure }
}

/** Throws the error of a task that completed no piece at all; does nothing otherwise. */
export function failIfNothing({ completed, failed, lastFailure }: Generated): void {
  if (completed > 0 || failed === 0 || lastFailure === null) return
  throw new FinalError(
    lastFailure.code,
    lastFailure.message,
    lastFailure.advice === null ? {} : { advice: lastFailure.advice },
  )
}

/**
 * Resets pieces that are still PENDING or GENERATING when their task has ended: previous content
 * remains readable, pieces without content are FAILED and can be retried. Does nothing for a deleted
 * roadmap.
 */
export async function settlePieces(
  client: PoolClient,
  { taskId, subject, status, error }: Ending,
  roadmapLog: RoadmapLog,
): Promise<void> {
  const reason: FailureState = error ?? {
    code: status === 'CANCELED' ? 'CANCELED' : 'NOT_GENERATED',
    message:
      status === 'CANCELED'
        ? 'The task was canceled before this piece was made.'
        : 'The task ended before this piece was made.',
    retryable: false,
    advice: 'Retry this piece.',
  }
  // A deletion waits for this lock, and then cancels the tasks that it finds.
  const roadmap = await client.query('select from studio.roadmap where id = $1 for key share', [subject])
  if (subject === null || roadmap.rowCount === 0) return
  const { rows: pieces } = await client.query<PieceState>(
    `update studio.content set status = case when body is null then 'FAILED' else 'COMPLETED' end,
       error = case when body is null then $2::jsonb end
     where task_id = $1 and status in ('PENDING', 'GENERATING')
     returning concept_id as "conceptId", piece, status, error`,
    [taskId, JSON.stringify(reason)],
  )
  await roadmapLog.append(client, subject, { type: 'RoadmapTaskEnded', payload: { taskId, status, pieces } })
}

async function readSources(database: Database, keys: readonly string[]): Promise<readonly PieceSource[]> {
  const { rows } = await database.pool.query<PieceSource>(
    `select c.id as concept_id, c.roadmap_id, n.piece, c.title, r.title as roadmap, c.stage_title, c.module_title, left(c.source, $2) as source, c.links, n.revision
     from unnest($1::text[]) with ordinality as k(key, ord)
     join studio.content n on n.concept_id || ':' || n.piece = k.key and n.concept_id = split_part(k.key, ':', 1)
     join studio.concept c on c.id = n.concept_id join studio.roadmap r on r.id = c.roadmap_id order by k.ord`,
    [keys, maxSourceCharacters],
  )
  return rows
}

async function readCorpus(database: Database, conceptId: string | undefined): Promise<readonly string[]> {
  if (conceptId === undefined) return []
  const { rows } = await database.pool.query<{ text: string }>(
    `select title || E'\\n\\n' || left(source, $3) as text from studio.concept
     where roadmap_id = (select roadmap_id from studio.concept where id = $1) order by position limit $2`,
    [conceptId, maxCorpus, maxSourceCharacters],
  )
  return rows.map(({ text }) => text)
}

/**
 * Marks a piece as GENERATING.
 * @returns whether its status changed
 */
async function markGenerating(
  client: PoolClient,
  conceptId: string,
  piece: ContentPiece,
  taskId: string,
): Promise<boolean> {
  const { rows } = await client.query<{ status: string }>(
    `with old as materialized (
       select concept_id, piece, status from studio.content where concept_id = $1 and piece = $2 for no key update
     )
     update studio.content n set status = 'GENERATING', error = null, task_id = $3, revision = revision + 1
     from old where n.concept_id = old.concept_id and n.piece = old.piece
     returning old.status`,
    [conceptId, piece, taskId],
  )
  return rows[0]?.status !== 'GENERATING'
}

async function storeBody(client: PoolClient, conceptId: string, piece: ContentPiece, body: string): Promise<void> {
  await client.query(
    `update studio.content set status = 'COMPLETED', body = $3, error = null where concept_id = $1 and piece = $2`,
    [conceptId, piece, body],
  )
}

async function storeFailure(
  client: PoolClient,
  conceptId: string,
  piece: ContentPiece,
  failure: FailureState,
): Promise<void> {
  await client.query(
    `update studio.content set status = 'FAILED', body = null, error = $3 where concept_id = $1 and piece = $2`,
    [conceptId, piece, JSON.stringify(failure)],
  )
}
