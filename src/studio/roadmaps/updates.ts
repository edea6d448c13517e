import type { PoolClient } from 'pg'
import {
  appendInTransaction,
  type Database,
  type Ending,
  type FailureState,
  TidingsError,
  type TransactionalAppender,
} from '../../engine.ts'
import type { ContentPiece } from '../content/provider.ts'

/** The status of one piece. */
export type ContentStatus = 'PENDING' | 'GENERATING' | 'COMPLETED' | 'FAILED'

/**
 * Returns the name of a roadmap's topic. The topic begins with the roadmap, by the trigger
 * `roadmap_topic`, and ends with its deletion.
 */
export function roadmapTopic(id: string): string {
  return `roadmap:${id}`
}

/** The status of one piece of one concept. */
export interface PieceState {
  readonly conceptId: string
  readonly piece: ContentPiece
  readonly status: ContentStatus
  readonly error: FailureState | null
}

/** An event of a roadmap's topic. Every event is appended in the transaction of its change. */
type RoadmapEvent =
  /** A task was queued; `pieces` are those that it marks immediately. */
  | { readonly type: 'RoadmapTaskStarted'; readonly payload: { readonly taskId: string } & Pieces }
  /** Stages, modules and concepts are known; all pieces are PENDING. */
  | { readonly type: 'RoadmapOutlined'; readonly payload: { readonly taskId: string } }
  | { readonly type: 'RoadmapContentChanged'; readonly payload: { readonly taskId: string } & Pieces }
  /** A task ended; `pieces` are those that it started or was to generate, but did not complete. */
  | {
      readonly type: 'RoadmapTaskEnded'
      readonly payload: { readonly taskId: string; readonly status: Ending['status'] } & Pieces
    }
  /** The terminal event. */
  | { readonly type: 'RoadmapDeleted'; readonly payload: Readonly<Record<string, never>> }
interface Pieces {
  readonly pieces: readonly PieceState[]
}

/** Appends events of roadmaps. */
export interface RoadmapLog {
  /**
   * Appends to a roadmap's topic in the caller's transaction, and publishes after its commit. The
   * topic stays locked until then: lock the changed pieces before it, and the topic of the task
   * after it.
   * @throws TidingsError `NOT_FOUND` after the roadmap was deleted
   */
  append(client: PoolClient, roadmapId: string, event: RoadmapEvent): Promise<void>
}

/** Returns the error for a missing roadmap. */
export function noRoadmap(id: string): TidingsError {
  return new TidingsError('NOT_FOUND', `There is no roadmap "${id}"`, { id })
}

/** Creates the appender of roadmap events. */
export function createRoadmapLog(appender: TransactionalAppender): RoadmapLog {
  return {
    async append(client, roadmapId, { type, payload }) {
      const result = await appendInTransaction(appender, client, {
        topic: roadmapTopic(roadmapId),
        close: type === 'RoadmapDeleted',
        events: [{ type, payload: { ...payload } }],
      })
      if (!result.accepted) throw noRoadmap(roadmapId)
    },
  }
}

/** The state of a roadmap covered by its topic. */
export interface RoadmapState {
  /** In the order of the roadmap. */
  readonly pieces: readonly PieceState[]
  /** The active tasks, oldest first. */
  readonly activeTaskIds: readonly string[]
}

/**
 * Reads the current state of a roadmap and the seq of its topic at which it holds; null when there
 * is no such roadmap.
 */
export async function readRoadmapState(
  { pool }: Database,
  id: string,
): Promise<{ readonly seq: number; readonly state: RoadmapState } | null> {
  // One statement, hence one snapshot: every change of a piece advances the topic in the same
  // transaction.
  const { rows } = await pool.query<{ seq: number; pieces: PieceState[]; active_task_ids: string[] }>(
    `select t.seq,
       coalesce((select jsonb_agg(jsonb_build_object('conceptId', c.id, 'piece', n.piece, 'status', n.status, 'error', n.error)
           order by c.position, array_position(array['TUTORIAL', 'RESOURCES', 'QUIZ'], n.piece))
         from studio.concept c join studio.content n on n.concept_id = c.id where c.roadmap_id = $2), '[]') as pieces,
       array(select id from tidings.task where subject = $2 and status in ('QUEUED', 'RUNNING', 'RETRYING')
         order by created_at, id) as active_task_ids
     from tidings.topic t join studio.roadmap r on r.id = $2 where t.name = $1`,
    [roadmapTopic(id), id],
  )
  const [row] = rows
  if (row === undefined) return null
  return { seq: row.seq, state: { pieces: row.pieces, activeTaskIds: row.active_task_ids } }
}
