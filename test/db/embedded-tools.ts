import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { readProcessIdentity } from '../../src/db/embedded/process.ts'

/** Runs one statement over a separate connection. */
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

/**
 * Returns the process id of the PostgreSQL server that runs, or last ran without a clean shutdown,
 * on a data directory.
 */
export async function readPostmasterPid(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10)
}

/** Whether a process with this id runs; a zombie does not. */
export async function isRunning(pid: number): Promise<boolean> {
  return (await readProcessIdentity(pid)) !== undefined
}
