import type { Pool } from 'pg'
import type { Tidings } from 'tidings'
import { exportReport } from '../http/tasks.ts'

export async function createReport(pool: Pool, tidings: Tidings, id: string, owner: string): Promise<string> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('insert into report (id, owner) values ($1, $2)', [id, owner])
    const task = await tidings.start(exportReport, { reportId: id }, { owner, transaction: client })
    await client.query('commit')
    return task.id
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
