import type { PoolClient } from 'pg'
import type { Announcement, Ending } from '../../engine.ts'
import { quote } from '../text/text.ts'

/** Describes the end of a task about a project for its owner; null when the project no longer exists. */
export async function announceProject(
  client: PoolClient,
  { subject, status }: Ending,
  did: { readonly completed: string; readonly failed: string },
): Promise<Announcement | null> {
  const { rows } = await client.query<{ title: string }>('select title from studio.project where id = $1', [subject])
  const [project] = rows
  if (project === undefined) return null
  return { title: `Your project ${quote(project.title)} ${status === 'COMPLETED' ? did.completed : did.failed}` }
}
