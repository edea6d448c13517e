import { type Database, withTransaction } from '../../db/connect.ts'
import { appendInTransaction, type TransactionalAppender } from '../../log/append-in-transaction.ts'
import type { Appended, AppendUnit } from '../../log/append-unit.ts'
import type { Commit } from './report.ts'

/**
 * Appends together with an application's commit, in one transaction, and publishes after it: both
 * take effect, or neither. Rejects with whatever the commit throws.
 *
 * @returns the outcome of the append; if the append was refused, the commit is rolled back
 */
export async function appendWith(
  { database, appender }: { readonly database: Database; readonly appender: TransactionalAppender },
  unit: AppendUnit,
  commit: Commit | undefined,
): Promise<Appended> {
  try {
    return await withTransaction(database, async (client) => {
      await commit?.(client)
      const outcome = await appendInTransaction(appender, client, unit)
      if (!outcome.accepted) throw new Refused(outcome)
      return outcome
    })
  } catch (error) {
    if (error instanceof Refused) return error.outcome
    throw error
  }
}

/** Thrown to roll back the transaction. */
class Refused extends Error {
  readonly outcome: Appended

  constructor(outcome: Appended) {
    super('The append was refused')
    this.outcome = outcome
  }
}
