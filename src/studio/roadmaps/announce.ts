import type { PoolClient } from 'pg'
import type { Announcement, Ending } from '../../engine.ts'
import type { ContentPiece } from '../content/provider.ts'
import { quote } from '../text/text.ts'

const pieceNames: Readonly<Record<ContentPiece, string>> = {
  TUTORIAL: 'tutorial',
  RESOURCES: 'resources',
  QUIZ: 'quiz',
}

/** Describes the end of generating a roadmap for its owner; null when the roadmap no longer exists. */
export async function announceRoadmap(client: PoolClient, ending: Ending): Promise<Announcement | null> {
  const title = await titleOf(client, ending)
  if (title === null) return null
  if (ending.status !== 'COMPLETED') return { title: `Your roadmap of ${quote(title)} could not be made` }
  return { title: `Your roadmap of ${quote(title)} is ready`, ...describeFailed(ending) }
}

/** Describes the end of regenerating failed content; null when the roadmap no longer exists. */
export async function announceRetries(client: PoolClient, ending: Ending): Promise<Announcement | null> {
  const title = await titleOf(client, ending)
  if (title === null) return null
  const done = ending.status === 'COMPLETED' ? 'was made again' : 'could not be made again'
  return { title: `What had failed on your roadmap of ${quote(title)} ${done}`, ...describeFailed(ending) }
}

/** Describes the end of regenerating one piece; null when its concept no longer exists. */
export async function announcePiece(
  client: PoolClient,
  { conceptId, piece }: { readonly conceptId: string; readonly piece: ContentPiece },
  { status }: Ending,
): Promise<Announcement | null> {
  const { rows } = await client.query<{ title: string }>('select title from studio.concept where id = $1', [conceptId])
  const [concept] = rows
  if (concept === undefined) return null
  const were = piece === 'RESOURCES' ? 'were' : 'was'
  const pieceName = `The ${pieceNames[piece]} of ${quote(concept.title)}`
  return {
    title: status === 'COMPLETED' ? `${pieceName} ${were} made again` : `${pieceName} could not be made again`,
    aboutId: conceptId,
  }
}

async function titleOf(client: PoolClient, { subject }: Ending): Promise<string | null> {
  const { rows } = await client.query<{ title: string }>('select title from studio.roadmap where id = $1', [subject])
  return rows[0]?.title ?? null
}

/** Describes the failed pieces reported by the result. */
function describeFailed({ result }: Ending): Partial<Announcement> {
  const failedCount = Number(result?.['failedCount'] ?? 0)
  if (failedCount === 0) return {}
  const message = `${failedCount === 1 ? 'One piece' : `${failedCount} pieces`} could not be made; open it to try again.`
  return { isPartial: true, message }
}
