import { forgetBusName, renewEpoch } from '../engine.ts'
import { runMaintenance } from './maintenance.ts'

await runMaintenance({
  usage: `Begins another life of the log, after a backup was restored: cursors given out before are answered with a snapshot.

Usage: npm run db:new-epoch          stop all servers first, so that they take another name on the bus; DATABASE_URL or DATA_DIR say which database
`,
  work: async ({ database }) => {
    await forgetBusName(database)
    return `The log’s epoch is now ${await renewEpoch(database)}. Start the servers again.`
  },
})
