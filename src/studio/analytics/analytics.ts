import { createTopic, type Database, withTransaction } from '../../engine.ts'
import { readFigures, readHours, readTimings, readTotals } from './figures.ts'
import type { AnalyticsState } from './state.ts'

/** The topic of an educator's figures: one `AnalyticsChanged` event per change. */
export function analyticsTopic(owner: string): string {
  return `analytics:${owner}`
}

/** The event type of {@link analyticsTopic}; its payload is an {@link AnalyticsState} of what changed. */
export const analyticsChanged = 'AnalyticsChanged'

/** The figures of all educators. Access is checked by the API. */
export interface Analytics {
  /** Ensures that an educator's topic can be followed, even before there is anything to count. */
  open(owner: string): Promise<void>
  /**
   * Returns all figures and the seq of the educator's topic at which they hold; null before
   * {@link Analytics.open}.
   */
  snapshot(owner: string): Promise<{ readonly seq: number; readonly state: AnalyticsState } | null>
}

/** Creates the reader of figures. The projector writes them. */
export function createAnalytics({ database }: { readonly database: Database }): Analytics {
  return {
    open: (owner) => createTopic(database.pool, analyticsTopic(owner)),
    snapshot: (owner) =>
      withTransaction(database, async (client) => {
        // All statements see the same snapshot, in which figures and seq are consistent.
        await client.query('set transaction isolation level repeatable read, read only')
        const { rows } = await client.query<{ seq: number }>('select seq from tidings.topic where name = $1', [
          analyticsTopic(owner),
        ])
        const [topic] = rows
        if (topic === undefined) return null
        const state = {
          totals: await readTotals(client, owner),
          documents: await readFigures(client, owner, null),
          hours: await readHours(client, owner, null),
          questions: await readTimings(client, owner, null),
        }
        return { seq: topic.seq, state }
      }),
  }
}
