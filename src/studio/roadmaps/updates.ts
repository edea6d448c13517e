import type { PoolClient } from 'pg'
import type { Database } from '../../db/connect.ts'
import { type Telling, tellIn } from '../../log/tell.ts'
import { createTopic } from '../../log/topic.ts'
import type { Ending } from '../../tasks/define-task.ts'
import type { FailureState } from '../../tasks/task.ts'
import type { ContentPiece } from '../content/provider.ts'
import type { ContentStatus } from './roadmaps.ts'

/** The name of a roadmap's topic. It begins with the roadmap. */
export function roadmapTopic(id: string): string {
  return `roadmap:${id}`
}

/** Where one piece of one concept is. */
export interface PieceState {
  readonly conceptId: string
  readonly piece: ContentPiece
  readonly status: ContentStatus
  readonly error: FailureState | null
}

/** What can happen to a roadmap, as its topic tells it. All of it is told in the transaction in which it happens. */
export type RoadmapEvent =
  /** A task is put in line; `pieces` are those that it marks at once. */
  | { readonly type: 'RoadmapTaskStarted'; readonly payload: { readonly taskId: string } & Pieces }
  /** Stages, modules and concepts are known; all pieces are PENDING. */
  | { readonly type: 'RoadmapOutlined'; readonly payload: { readonly taskId: string } }
  | { readonly type: 'RoadmapContentChanged'; readonly payload: { readonly taskId: string } & Pieces }
  /** A task is over; `pieces` are those that it had begun or was to make, and has not made. */
  | {
      readonly type: 'RoadmapTaskEnded'
      readonly payload: { readonly taskId: string; readonly status: Ending['status'] } & Pieces
    }
interface Pieces {
  readonly pieces: readonly PieceState[]
}

/** Tells what happens to roadmaps. */
export interface RoadmapTeller {
  /**
   * Appends to a roadmap's topic in the caller's transaction, and publishes after its commit. The topic stays locked until then: the
   * pieces that the transaction changes are to be locked before, the topic of its task after.
   */
  tell(client: PoolClient, roadmapId: string, event: RoadmapEvent): Promise<void>
}

/** Creates what tells. */
export function createRoadmapTeller(appender: Telling): RoadmapTeller {
  return {
    async tell(client, roadmapId, { type, payload }) {
      const unit = { topic: roadmapTopic(roadmapId), events: [{ type, payload: { ...payload } }] }
      let appended = await tellIn(appender, client, unit)
      if (!appended.accepted) {
        // Made by an older server, while this one and its migration were already there.
        await createTopic(client, unit.topic)
        appended = await tellIn(appender, client, unit)
      }
      if (!appended.accepted) throw new Error(`The topic of the roadmap "${roadmapId}" is closed`)
    },
  }
}

/** A roadmap as far as its topic tells of it. */
export interface RoadmapState {
  /** In the order of the roadmap. */
  readonly pieces: readonly PieceState[]
  /** What works on it, oldest first. */
  readonly activeTaskIds: readonly string[]
}

/** Reads how a roadmap is now, and the place in its topic at which that is true; null when there is none. */
export async function readRoadmapState(
  { pool }: Database,
  id: string,
): Promise<{ readonly seq: number; readonly state: RoadmapState } | null> {
  // One statement, so one moment: whatever changes a piece moves the topic in the same transaction.
  const { rows } = await pool.query<{ seq: number; pieces: PieceState[]; active_task_ids: string[] }>(
    `select t.seq,
       coalesce((select jsonb_agg(jsonb_build_object('conceptId', c.id, 'piece', n.piece, 'status', n.status, 'error', n.error)
           order by c.position, array_position(array['TUTORIAL', 'RESOURCES', 'QUIZ'], n.piece))
         from concept c join content n on n.concept_id = c.id where c.roadmap_id = $2), '[]') as pieces,
       array(select id from task where subject = $2 and status in ('QUEUED', 'RUNNING', 'RETRYING')
         order by created_at, id) as active_task_ids
     from topic t where t.name = $1`,
    [roadmapTopic(id), id],
  )
  const [row] = rows
  if (row === undefined) return null
  return { seq: row.seq, state: { pieces: row.pieces, activeTaskIds: row.active_task_ids } }
}
