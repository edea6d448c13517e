import { z } from 'zod'
import { createTaskDefinition, stage, TidingsError } from '../../engine.ts'
import type { ContentPiece, ContentProvider } from '../content/provider.ts'
import type { StudioTask } from '../task-results.ts'
import { announcePiece, announceRetries } from './announce.ts'
import { failIfNothing, generatePieces, settlePieces } from './generate-pieces.ts'
import { contentPieces, itemKey, itemLabel } from './roadmaps.ts'
import { type ContentStatus, noRoadmap, type RoadmapLog } from './updates.ts'

/** The kind of {@link defineRetryContent}. */
export const retryContentKind = 'RETRY_CONTENT'
/** The kind of {@link defineRetryFailedContent}. */
export const retryFailedContentKind = 'RETRY_FAILED_CONTENT'

const pieceInput = z.object({ conceptId: z.string(), piece: z.enum(['TUTORIAL', 'RESOURCES', 'QUIZ']) })
const roadmapInput = z.object({ roadmapId: z.string() })

/**
 * Regenerates one piece of one concept; its status is GENERATING from the moment the task is
 * queued. Subject: the roadmap.
 */
export function defineRetryContent(
  provider: ContentProvider,
  roadmapLog: RoadmapLog,
): StudioTask<z.infer<typeof pieceInput>> {
  return createTaskDefinition({
    kind: retryContentKind,
    input: pieceInput,
    attempts: 5,
    concurrency: 4,
    async begin(client, { conceptId, piece }, { taskId, owner }) {
      const { rows } = await client.query<{
        status: ContentStatus
        task_id: string | null
        title: string
        roadmap_id: string
      }>(
        `select n.status, n.task_id, c.title, c.roadmap_id
         from studio.content n join studio.concept c on c.id = n.concept_id join studio.roadmap r on r.id = c.roadmap_id
         where n.concept_id = $1 and n.piece = $2 and r.owner = $3 for no key update of n`,
        [conceptId, piece, owner],
      )
      const content = rows[0]
      if (content === undefined)
        throw new TidingsError('NOT_FOUND', `There is no concept "${conceptId}"`, { id: conceptId })
      const isBusy = content.status === 'GENERATING' || content.status === 'PENDING'
      if (isBusy)
        throw new TidingsError(
          'CONFLICT',
          `The ${piece.toLowerCase()} of concept "${conceptId}" is already being generated`,
          {
            taskId: content.task_id,
          },
        )
      await client.query(
        `update studio.content set status = 'GENERATING', error = null, task_id = $3 where concept_id = $1 and piece = $2`,
        [conceptId, piece, taskId],
      )
      await roadmapLog.append(client, content.roadmap_id, {
        type: 'RoadmapTaskStarted',
        payload: { taskId, pieces: [{ conceptId, piece, status: 'GENERATING', error: null }] },
      })
      return {
        subject: content.roadmap_id,
        items: [{ key: itemKey(conceptId, piece), label: itemLabel(content.title, piece) }],
      }
    },
    async *run(context) {
      const { conceptId, piece } = context.input
      yield stage('generating')
      failIfNothing(yield* generatePieces(context, provider, { roadmapLog, concurrency: 1 }))
      return { type: 'RetryContentTaskResult', conceptId, piece }
    },
    settle: (client, _input, ending) => settlePieces(client, ending, roadmapLog),
    announce: announcePiece,
  })
}

/** Regenerates all failed content of a roadmap, as one batch with its own total. Subject: the roadmap. */
export function defineRetryFailedContent(
  provider: ContentProvider,
  options: { readonly roadmapLog: RoadmapLog; readonly concurrency: number },
): StudioTask<z.infer<typeof roadmapInput>> {
  const { roadmapLog } = options
  return createTaskDefinition({
    kind: retryFailedContentKind,
    input: roadmapInput,
    attempts: 5,
    concurrency: 2,
    async begin(client, { roadmapId }, { taskId, owner }) {
      const { rowCount } = await client.query('select from studio.roadmap where id = $1 and owner = $2 for key share', [
        roadmapId,
        owner,
      ])
      if (rowCount === 0) throw noRoadmap(roadmapId)
      const { rows } = await client.query<{ concept_id: string; piece: ContentPiece; title: string }>(
        `select n.concept_id, n.piece, c.title from studio.content n join studio.concept c on c.id = n.concept_id
         where c.roadmap_id = $1 and n.status = 'FAILED'
         order by c.position, array_position($2::text[], n.piece) for no key update of n`,
        [roadmapId, contentPieces],
      )
      if (rows.length === 0) throw new TidingsError('CONFLICT', `Nothing on roadmap "${roadmapId}" has failed`)
      await client.query(
        `update studio.content set status = 'PENDING', error = null, task_id = $2
         from unnest($1::text[], $3::text[]) as f(concept_id, piece)
         where content.concept_id = f.concept_id and content.piece = f.piece`,
        [rows.map((row) => row.concept_id), taskId, rows.map((row) => row.piece)],
      )
      await roadmapLog.append(client, roadmapId, {
        type: 'RoadmapTaskStarted',
        payload: {
          taskId,
          pieces: rows.map((row) => ({ conceptId: row.concept_id, piece: row.piece, status: 'PENDING', error: null })),
        },
      })
      return {
        subject: roadmapId,
        items: rows.map(({ concept_id: conceptId, piece, title }) => ({
          key: itemKey(conceptId, piece),
          label: itemLabel(title, piece),
        })),
      }
    },
    async *run(context) {
      yield stage('generating')
      const generation = yield* generatePieces(context, provider, options)
      failIfNothing(generation)
      return {
        type: 'RetryFailedContentResult',
        roadmapId: context.input.roadmapId,
        completedCount: generation.completed,
        failedCount: generation.failed,
      }
    },
    settle: (client, _input, ending) => settlePieces(client, ending, roadmapLog),
    announce: (client, _input, ending) => announceRetries(client, ending),
  })
}
