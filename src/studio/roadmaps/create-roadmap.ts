import type { PoolClient } from 'pg'
import { typeid } from 'typeid-js'
import { z } from 'zod'
import { createTaskDefinition, type Database, declareItems, FinalError, stage } from '../../engine.ts'
import { defineJob } from '../content/apart/job.ts'
import type { GenerationPool } from '../content/apart/pool.ts'
import { toTaskFailure } from '../content/attempt.ts'
import type { ContentPiece, ContentProvider } from '../content/provider.ts'
import type { DocumentLink, DocumentStructure, Section } from '../documents/structure/structure.ts'
import { lockReadyDocument } from '../ready-document.ts'
import type { StudioTask } from '../task-results.ts'
import { announceRoadmap } from './announce.ts'
import { failIfNothing, generatePieces, settlePieces } from './generate-pieces.ts'
import type { Outline } from './outline.ts'
import { contentPieces, itemKey, itemLabel } from './roadmaps.ts'
import type { PieceState, RoadmapLog } from './updates.ts'

/** The kind of {@link defineCreateRoadmap}. */
export const createRoadmapKind = 'CREATE_ROADMAP'

const input = z.object({ documentId: z.string() })

/**
 * Outlines the roadmap of a document.
 * @throws ContentError, e.g. `TOO_COMPLEX`; the signal's reason
 */
type Outliner = (structure: DocumentStructure, signal: AbortSignal) => Promise<Outline>

const outlineJob = defineJob<typeof import('./jobs.ts'), 'outline'>(new URL('./jobs.ts', import.meta.url), 'outline')

/** Creates an outliner that works in a generation process. */
export function createOutliner(pool: GenerationPool): Outliner {
  return async (structure, signal) => {
    const [outline] = await Array.fromAsync(pool.run(outlineJob, structure, signal))
    if (outline === undefined) throw new TypeError('The outline job has yielded nothing')
    return outline
  }
}

/**
 * Returns the id of the roadmap that a task of this kind creates: its subject. One task, one
 * roadmap, also across attempts.
 */
function roadmapIdOf(taskId: string): string {
  return taskId.replace(/^task_/, 'roadmap_')
}

/**
 * Converts a document's structure to stages, modules and concepts, and generates all content, item
 * by item. Subject: the roadmap.
 */
export function defineCreateRoadmap(
  provider: ContentProvider,
  options: { readonly roadmapLog: RoadmapLog; readonly concurrency: number; readonly outline: Outliner },
): StudioTask<z.infer<typeof input>> {
  const { roadmapLog } = options
  return createTaskDefinition({
    kind: createRoadmapKind,
    input,
    attempts: 5,
    concurrency: 2,
    stages: { structuring: 5, generating: 95 },
    async begin(client, { documentId }, { taskId, owner, retriedSubject }) {
      const document = await lockReadyDocument(client, documentId, owner, 'make a roadmap of')
      const subject = retriedSubject ?? roadmapIdOf(taskId)
      if (retriedSubject === null)
        await client.query('insert into studio.roadmap (id, owner, document_id, title) values ($1, $2, $3, $4)', [
          subject,
          owner,
          documentId,
          document.title,
        ])
      await roadmapLog.append(client, subject, { type: 'RoadmapTaskStarted', payload: { taskId, pieces: [] } })
      return { subject, size: document.words }
    },
    async *run(context) {
      const {
        taskId,
        input: { documentId },
        database,
        signal,
      } = context
      yield stage('structuring')
      const roadmapId = await readSubject(database, taskId)
      let pieces = await readPieces(database, roadmapId)
      if (pieces.length === 0) {
        const structure = await readDocument(database, documentId)
        const outline = await options.outline(structure, signal).catch((error: unknown) => {
          throw toTaskFailure(error)
        })
        const concepts = placeConcepts(outline)
        if (concepts.length === 0)
          throw new FinalError('NOT_ENOUGH_TEXT', 'The document has no text that a roadmap could be made of.', {
            advice: 'Import a document with headings and paragraphs.',
          })
        pieces = concepts.flatMap(({ id, title }) =>
          contentPieces.map((piece) => ({ conceptId: id, title, piece, status: 'PENDING' })),
        )
        const newPieces = pieces
        yield declareItems(toItems(newPieces), async (client) => {
          await storeOutline(client, roadmapId, taskId, outline, concepts)
          await roadmapLog.append(client, roadmapId, { type: 'RoadmapOutlined', payload: { taskId } })
        })
      } else
        yield declareItems(toItems(pieces), async (client) => {
          const remainingPieces = await takeOver(client, roadmapId, taskId)
          if (remainingPieces.length > 0)
            await roadmapLog.append(client, roadmapId, {
              type: 'RoadmapContentChanged',
              payload: { taskId, pieces: remainingPieces },
            })
        })
      const open = pieces.filter(({ status }) => status !== 'COMPLETED')
      yield stage('generating')
      const generation = yield* generatePieces(
        { ...context, keys: open.map(({ conceptId, piece }) => itemKey(conceptId, piece)) },
        provider,
        options,
      )
      failIfNothing(generation)
      return {
        type: 'CreateRoadmapResult',
        roadmapId,
        conceptCount: pieces.length / contentPieces.length,
        failedCount: generation.failed,
      }
    },
    settle: (client, _input, ending) => settlePieces(client, ending, roadmapLog),
    announce: (client, _input, ending) => announceRoadmap(client, ending),
  })
}

interface Piece {
  readonly conceptId: string
  readonly title: string
  readonly piece: ContentPiece
  readonly status: string
}

function toItems(pieces: readonly Piece[]): { key: string; label: string }[] {
  return pieces.map(({ conceptId, title, piece }) => ({
    key: itemKey(conceptId, piece),
    label: itemLabel(title, piece),
  }))
}

async function readSubject(database: Database, taskId: string): Promise<string> {
  const { rows } = await database.pool.query<{ subject: string }>('select subject from tidings.task where id = $1', [
    taskId,
  ])
  const subject = rows[0]?.subject
  if (subject === undefined) throw new Error(`Task "${taskId}" has no roadmap`)
  return subject
}

async function readPieces(database: Database, roadmapId: string): Promise<Piece[]> {
  const { rows } = await database.pool.query<Piece>(
    `select c.id as "conceptId", c.title, n.piece, n.status from studio.concept c join studio.content n on n.concept_id = c.id
     where c.roadmap_id = $1 order by c.position, array_position(array['TUTORIAL', 'RESOURCES', 'QUIZ'], n.piece)`,
    [roadmapId],
  )
  return rows
}

/** Reads the structure of a document's main content: sections as rows, since one JSON value of 25 MB blocks the process. */
async function readDocument({ pool }: Database, documentId: string): Promise<DocumentStructure> {
  const { rows } = await pool.query<{ title: string; word_count: number; notes: string[]; links: DocumentLink[] }>(
    'select title, word_count, notes, links from studio.document where id = $1',
    [documentId],
  )
  const row = rows[0]
  if (row === undefined)
    throw new FinalError('DOCUMENT_DELETED', 'The document was deleted meanwhile.', { advice: 'Import it again.' })
  const { word_count: wordCount, links, ...rest } = row
  const { rows: sections } = await pool.query<Section>(
    `select key, level, heading, coalesce(main_body, body) as body, position from studio.section
     where document_id = $1 and is_main order by position`,
    [documentId],
  )
  return { ...rest, links: links.filter(({ isMain }) => isMain !== false), wordCount, sections }
}

interface PlacedConcept {
  readonly id: string
  readonly position: number
  readonly stage_position: number
  readonly stage_title: string
  readonly module_position: number
  readonly module_title: string
  readonly title: string
  readonly source: string
  readonly links: readonly { readonly text: string; readonly url: string }[]
}

function placeConcepts(outline: Outline): PlacedConcept[] {
  const placedConcepts: PlacedConcept[] = []
  for (const [stagePosition, outlineStage] of outline.stages.entries())
    for (const [modulePosition, module] of outlineStage.modules.entries())
      for (const concept of module.concepts)
        placedConcepts.push({
          id: typeid('concept').toString(),
          position: placedConcepts.length,
          stage_position: stagePosition,
          stage_title: outlineStage.title,
          module_position: modulePosition,
          module_title: module.title,
          title: concept.title,
          source: concept.text,
          links: concept.links,
        })
  return placedConcepts
}

async function storeOutline(
  client: PoolClient,
  roadmapId: string,
  taskId: string,
  outline: Outline,
  concepts: readonly PlacedConcept[],
): Promise<void> {
  await client.query('update studio.roadmap set title = $2 where id = $1', [roadmapId, outline.title])
  await client.query(
    `insert into studio.concept (id, roadmap_id, position, stage_position, stage_title, module_position, module_title, title, source, links)
     select c.id, $1, c.position, c.stage_position, c.stage_title, c.module_position, c.module_title, c.title, c.source, c.links
     from jsonb_to_recordset($2::jsonb) as c(id text, position int, stage_position int, stage_title text, module_position int,
       module_title text, title text, source text, links jsonb)`,
    [roadmapId, JSON.stringify(concepts)],
  )
  await client.query(
    `insert into studio.content (concept_id, piece, task_id)
     select c.id, p.piece, $2 from studio.concept c cross join unnest($3::text[]) as p(piece) where c.roadmap_id = $1`,
    [roadmapId, taskId, contentPieces],
  )
}

/** A retry task takes over the pieces that the earlier task did not complete. */
async function takeOver(client: PoolClient, roadmapId: string, taskId: string): Promise<readonly PieceState[]> {
  const { rows } = await client.query<PieceState>(
    `update studio.content set task_id = $2, status = 'PENDING', error = null
     from studio.concept c where c.id = content.concept_id and c.roadmap_id = $1 and content.status <> 'COMPLETED'
     returning content.concept_id as "conceptId", content.piece, content.status, content.error`,
    [roadmapId, taskId],
  )
  return rows
}
