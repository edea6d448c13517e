import type { Database, FailureState, TaskService, TransactionalAppender } from '../../engine.ts'
import type { ContentPiece } from '../content/provider.ts'
import { deleteWithTasks } from '../delete-with-tasks.ts'
import { createOwnedRows, type OwnedRows } from '../owned-rows.ts'
import { type ContentStatus, createRoadmapLog, noRoadmap } from './updates.ts'

/** In the order of generation and display. */
export const contentPieces: readonly ContentPiece[] = ['TUTORIAL', 'RESOURCES', 'QUIZ']

/** A learning roadmap generated from a document. */
export interface Roadmap {
  readonly id: string
  readonly owner: string
  readonly documentId: string | null
  readonly title: string
  readonly createdAt: Date
}

/** A concept: the smallest part of a roadmap, with three pieces of content. */
export interface Concept {
  readonly id: string
  readonly roadmapId: string
  readonly owner: string
  readonly title: string
  readonly stagePosition: number
  readonly stageTitle: string
  readonly modulePosition: number
  readonly moduleTitle: string
}

/** One piece of content. */
export interface Content {
  readonly conceptId: string
  readonly piece: ContentPiece
  readonly status: ContentStatus
  /** Markdown; null until completed. */
  readonly body: string | null
  readonly error: FailureState | null
}

/** The roadmaps of all users. Access is checked by the API. */
export interface Roadmaps extends OwnedRows<Roadmap> {
  /** The concepts of several roadmaps, each in its order. */
  conceptsOf(roadmapIds: readonly string[]): Promise<readonly (readonly Concept[])[]>
  concepts(ids: readonly string[]): Promise<readonly (Concept | null)[]>
  /** The pieces of several concepts, each in the order of {@link contentPieces}. */
  contentsOf(conceptIds: readonly string[]): Promise<readonly (readonly Content[])[]>
  /**
   * Permanently deletes a roadmap with its content and the records of its tasks, and cancels active
   * tasks.
   * @returns the ids of the canceled tasks
   * @throws TidingsError `NOT_FOUND`
   */
  delete(owner: string, id: string): Promise<readonly string[]>
}

/** Returns the item key of a piece, as documented in the schema: the concept's id and the piece. */
export function itemKey(conceptId: string, piece: ContentPiece): string {
  return `${conceptId}:${piece}`
}

/** Returns the item label of a piece. */
export function itemLabel(title: string, piece: ContentPiece): string {
  return `${title} – ${piece.charAt(0)}${piece.slice(1).toLowerCase()}`
}

const roadmapColumns = 'id, owner, document_id as "documentId", title, created_at as "createdAt"'
const conceptColumns = `c.id, c.roadmap_id as "roadmapId", r.owner, c.title, c.stage_position as "stagePosition",
  c.stage_title as "stageTitle", c.module_position as "modulePosition", c.module_title as "moduleTitle"`

/** Creates the store of roadmaps. Only their tasks create and change them. */
export function createRoadmaps(options: {
  readonly database: Database
  readonly appender: TransactionalAppender
  readonly tasks: Pick<TaskService, 'erase'>
}): Roadmaps {
  const { database, appender } = options
  const { pool } = database
  const roadmapLog = createRoadmapLog(appender)
  return {
    ...createOwnedRows<Roadmap>(database, 'studio.roadmap', roadmapColumns),
    async conceptsOf(roadmapIds) {
      const { rows } = await pool.query<Concept>(
        `select ${conceptColumns} from studio.concept c join studio.roadmap r on r.id = c.roadmap_id
         where c.roadmap_id = any($1::text[]) order by c.roadmap_id, c.position`,
        [roadmapIds],
      )
      const byRoadmap = Map.groupBy(rows, ({ roadmapId }) => roadmapId)
      return roadmapIds.map((id) => byRoadmap.get(id) ?? [])
    },
    async concepts(ids) {
      const { rows } = await pool.query<Concept>(
        `select ${conceptColumns} from studio.concept c join studio.roadmap r on r.id = c.roadmap_id where c.id = any($1::text[])`,
        [ids],
      )
      const byId = new Map(rows.map((concept) => [concept.id, concept]))
      return ids.map((id) => byId.get(id) ?? null)
    },
    async contentsOf(conceptIds) {
      const { rows } = await pool.query<Content>(
        `select concept_id as "conceptId", piece, status, case when status = 'COMPLETED' then body end as body, error
         from studio.content where concept_id = any($1::text[])`,
        [conceptIds],
      )
      const byKey = new Map(rows.map((content) => [itemKey(content.conceptId, content.piece), content]))
      return conceptIds.map((conceptId) =>
        contentPieces.map(
          (piece): Content =>
            byKey.get(itemKey(conceptId, piece)) ?? { conceptId, piece, status: 'PENDING', body: null, error: null },
        ),
      )
    },
    // A transaction that starts a task of the roadmap waits for the lock, and then finds neither the
    // roadmap nor its pieces.
    delete: (owner, id) =>
      deleteWithTasks(options, {
        reason: 'The roadmap was deleted.',
        async lock(client) {
          const { rowCount } = await client.query(
            'select from studio.roadmap where id = $1 and owner = $2 for update',
            [id, owner],
          )
          if (rowCount === 0) throw noRoadmap(id)
          return [id]
        },
        async remove(client) {
          await client.query('delete from studio.roadmap where id = $1', [id])
          await roadmapLog.append(client, id, { type: 'RoadmapDeleted', payload: {} })
        },
      }),
  }
}
