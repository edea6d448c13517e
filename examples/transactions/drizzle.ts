import { sql } from 'drizzle-orm'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import { pgTable, text } from 'drizzle-orm/pg-core'
import type { Tidings } from 'tidings'
import { exportReport } from '../http/tasks.ts'

const report = pgTable('report', { id: text().primaryKey(), owner: text().notNull() })

export function createReport(db: NodePgDatabase, tidings: Tidings, id: string, owner: string): Promise<string> {
  return db.transaction(async (tx) => {
    await tx.insert(report).values({ id, owner })
    const task = await tidings.start(
      exportReport,
      { reportId: id },
      { owner, transaction: (strings, ...values) => tx.execute(sql(strings, ...values)) },
    )
    return task.id
  })
}
