import type { PoolClient } from 'pg'
import type { Announcement, Ending } from '../../tasks/model/define-task.ts'
import { quote } from '../text/words.ts'

/** Describes the end of a conversion for its owner; null when the document no longer exists. */
export async function announceConversion(
  client: PoolClient,
  documentId: string,
  { status }: Ending,
): Promise<Announcement | null> {
  const { rows } = await client.query<{ name: string }>('select name from document where id = $1', [documentId])
  const [document] = rows
  if (document === undefined) return null
  const name = quote(document.name)
  return { title: status === 'COMPLETED' ? `${name} is ready to read` : `${name} could not be read` }
}
