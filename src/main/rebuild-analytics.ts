import { createAppender } from '../engine.ts'
import { rebuildAnalytics } from '../studio/analytics/rebuild.ts'
import { runMaintenance } from './maintenance.ts'

await runMaintenance({
  usage: `Counts the figures of quizzes anew, from the logs of tasks and reviews.

Usage: npm run analytics:rebuild     DATABASE_URL or DATA_DIR say which database

Servers may go on with a database of its own; with the embedded one, stop the server first. What was counted of logs that are
no longer kept (RETENTION_HOURS) stays as it is.
`,
  async work({ database, logger }) {
    // Nothing is published: servers find the appended events in the log, at their next comparison.
    await using appender = createAppender({ database, logger, publish: () => undefined })
    const { counted: topicCount, kept: partialCount } = await rebuildAnalytics({ database, appender })
    const partly = partialCount === 0 ? '' : `; of ${partialCount}, whose beginning is no longer kept, what is left`
    return `Counted ${topicCount} logs anew${partly}.`
  },
})
