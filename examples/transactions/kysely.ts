import { type Kysely, sql } from 'kysely'
import type { Tidings } from 'tidings'
import { exportReport } from '../http/tasks.ts'

export interface Tables {
  readonly report: { readonly id: string; readonly owner: string }
}

export function createReport(db: Kysely<Tables>, tidings: Tidings, id: string, owner: string): Promise<string> {
  return db.transaction().execute(async (trx) => {
    await trx.insertInto('report').values({ id, owner }).execute()
    const task = await tidings.start(
      exportReport,
      { reportId: id },
      { owner, transaction: (strings, ...values) => sql(strings, ...values).execute(trx) },
    )
    return task.id
  })
}
