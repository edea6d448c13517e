import { type Database, withTransaction } from '../../db/connect.ts'
import { appendInTransaction, type TransactionalAppender } from '../../log/append-in-transaction.ts'
import type { AppendRequest, AppendResult } from '../../log/append-request.ts'
import type { Commit } from './report.ts'

/**
 * Appends together with an application's commit, in one transaction, and publishes after it: both
 * take effect, or neither. Rejects with whatever the commit throws.
 *
 * @returns the outcome of the append; if the append was refused, the commit is rolled back
 */
export async function appendWith(
  { database, appender }: { readonly database: Database; readonly appender: TransactionalAppender },
  request: AppendRequest,
  commit: Commit | undefined,
): Promise<AppendResult> {
  try {
    return await withTransaction(database, async (client) => {
      await commit?.(client)
      const result = await appendInTransaction(appender, client, request)
      if (!result.accepted) throw new Refused(result)
      return result
    })
  } catch (error) {
    if (error instanceof Refused) return error.result
    throw error
  }
}

/** Thrown to roll back the transaction. */
class Refused extends Error {
  readonly result: AppendResult

  constructor(result: AppendResult) {
    super('The append was refused')
    this.result = result
  }
}
