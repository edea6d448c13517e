import type { Sql } from 'postgres'
import type { Tidings } from 'tidings'
import { exportReport } from '../http/tasks.ts'

export function createReport(sql: Sql, tidings: Tidings, id: string, owner: string): Promise<string> {
  return sql.begin(async (tx) => {
    await tx`insert into report (id, owner) values (${id}, ${owner})`
    const task = await tidings.start(exportReport, { reportId: id }, { owner, transaction: tx })
    return task.id
  })
}
