import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { readProcessIdentity } from '../../src/db/embedded/process.ts'

/** Runs one statement over a connection of its own. */
export async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows
  } finally {
    await client.end()
  }
}

/** The process id of the PostgreSQL server that runs, or last ran without ending in order, on a data directory. */
export async function readPostmasterPid(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10)
}

/** Whether a process with this id runs; one that has ended and that nobody has waited for does not. */
export async function isRunning(pid: number): Promise<boolean> {
  return (await readProcessIdentity(pid)) !== undefined
}
