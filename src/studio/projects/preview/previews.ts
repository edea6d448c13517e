import { randomBytes } from 'node:crypto'
import type { PoolClient } from 'pg'
import {
  appendInTransaction,
  type Database,
  type FailureState,
  TidingsError,
  type TransactionalAppender,
  withTransaction,
} from '../../../engine.ts'
import { entryPath } from '../project.ts'
import { type PreviewRow, previewColumns, toPreview } from '../rows.ts'
import { type Preview, previewChanged, previewTopic } from './preview.ts'

/** The previews of all projects. Each change is appended to the preview's topic in the same transaction. */
export interface Previews {
  /** In the order of `projectIds`; null for unknown projects. */
  getMany(projectIds: readonly string[]): Promise<readonly (Preview | null)[]>
  /** Reads the preview and the seq of its topic at which it holds, in one statement. */
  snapshot(projectId: string): Promise<{ readonly seq: number; readonly state: Preview } | null>
  /**
   * Starts a preview, or refreshes a running one with the current files: STARTING, then READY or
   * FAILED.
   * @throws TidingsError `NOT_FOUND`
   */
  launch(projectId: string): Promise<Preview>
  /**
   * Stops the preview and invalidates its address.
   * @throws TidingsError `NOT_FOUND`
   */
  stop(projectId: string): Promise<Preview>
  /**
   * Stops previews without a request for `idleMs`, and resumes starts that were interrupted by a
   * crash.
   * @returns the number stopped
   */
  stopIdle(idleMs: number): Promise<number>
  /** Reads a file of the preview with this key, which counts as use; null when there is none. */
  readFile(key: string, path: string): Promise<{ readonly content: string } | null>
}

/** Use is recorded at most this often: a page requests many files at once. */
const noteUseMs = 1_000
/** A start takes some milliseconds; after this time its process must have died. */
const abandonedMs = 10_000

/** Creates the previews. */
export function createPreviews(options: {
  readonly database: Database
  readonly appender: TransactionalAppender
}): Previews {
  const { database, appender } = options
  const { pool } = database
  const notedUse = new Map<string, number>()

  /** Changes a preview and appends the event, atomically. */
  const change = async (
    projectId: string,
    decide: (
      client: PoolClient,
      before: Preview,
    ) => Promise<(Partial<Pick<Preview, 'status' | 'key' | 'version'>> & { readonly error?: FailureState }) | null>,
  ): Promise<Preview> => {
    return withTransaction(database, async (client) => {
      const before = await client.query<PreviewRow>(
        `select ${previewColumns} from studio.project_preview p where project_id = $1 for no key update`,
        [projectId],
      )
      const [row] = before.rows
      if (row === undefined)
        throw new TidingsError('NOT_FOUND', `There is no project "${projectId}"`, { id: projectId })
      const target = await decide(client, toPreview(row))
      if (target === null) return toPreview(row)
      const { status = row.status, key = row.key, version = row.version, error = null } = target
      const result = await client.query<PreviewRow>(
        `update studio.project_preview p set status = $2, key = $3, version = $4, error = $5, changed_at = clock_timestamp(),
           used_at = clock_timestamp()
         where project_id = $1 returning ${previewColumns}`,
        [projectId, status, key, version, error === null ? null : JSON.stringify(error)],
      )
      const [now] = result.rows
      if (now === undefined) throw new Error(`The preview of "${projectId}" was deleted while it was being changed`)
      const preview = toPreview(now)
      await appendInTransaction(appender, client, {
        topic: previewTopic(projectId),
        events: [{ type: previewChanged, payload: { preview } }],
      })
      return preview
    })
  }

  const launch: Previews['launch'] = async (projectId) => {
    await change(projectId, async (_, { status, key }) => ({
      status: 'STARTING',
      key: status === 'READY' && key !== null ? key : randomBytes(16).toString('base64url'),
    }))
    return change(projectId, async (client, { status }) => {
      // The preview was stopped in the meantime.
      if (status !== 'STARTING') return null
      const { rows } = await client.query<{ version: number; has_entry: boolean }>(
        `select version, exists (select from studio.project_file where project_id = project.id and path = $2) as has_entry
         from studio.project where id = $1`,
        [projectId, entryPath],
      )
      const [project] = rows
      if (project?.has_entry !== true) return { status: 'FAILED', key: null, error: noEntry }
      return { status: 'READY', version: project.version }
    })
  }
  const stop: Previews['stop'] = (projectId) =>
    change(projectId, async (_, { status }) => (status === 'STOPPED' ? null : { status: 'STOPPED', key: null }))

  return {
    launch,
    stop,
    async getMany(projectIds) {
      const { rows } = await pool.query<PreviewRow>(
        `select ${previewColumns} from studio.project_preview p where project_id = any($1::text[])`,
        [projectIds],
      )
      const byProject = new Map(rows.map((row) => [row.project_id, toPreview(row)]))
      return projectIds.map((id) => byProject.get(id) ?? null)
    },
    async snapshot(projectId) {
      const { rows } = await pool.query<PreviewRow & { seq: number }>(
        `select t.seq, ${previewColumns} from studio.project_preview p join tidings.topic t on t.name = $2 where p.project_id = $1`,
        [projectId, previewTopic(projectId)],
      )
      const [row] = rows
      return row === undefined ? null : { seq: row.seq, state: toPreview(row) }
    },
    async stopIdle(idleMs) {
      const { rows } = await pool.query<{ project_id: string; status: string }>(
        `select project_id, status from studio.project_preview
         where (status = 'READY' and used_at < now() - $1::float8 * interval '1 ms')
            or (status = 'STARTING' and changed_at < now() - $2::float8 * interval '1 ms')
         order by project_id limit 100`,
        [idleMs, abandonedMs],
      )
      let stopped = 0
      for (const { project_id: id, status } of rows) {
        if (status === 'STARTING') await launch(id)
        else {
          // It may just have been used.
          const after = await change(id, async (client) => {
            const { rowCount } = await client.query(
              `select from studio.project_preview where project_id = $1 and status = 'READY' and used_at < now() - $2::float8 * interval '1 ms'`,
              [id, idleMs],
            )
            return rowCount === 0 ? null : { status: 'STOPPED', key: null }
          })
          if (after.status === 'STOPPED') stopped += 1
        }
      }
      return stopped
    },
    async readFile(key, path) {
      const { rows } = await pool.query<{ content: string }>({
        name: 'tidings-preview-file',
        text: `select f.content from studio.project_preview p join studio.project_file f on f.project_id = p.project_id
               where p.key = $1 and f.path = $2`,
        values: [key, path],
      })
      const [row] = rows
      if (row === undefined) return null
      const now = Date.now()
      if (now - (notedUse.get(key) ?? 0) >= noteUseMs) {
        if (notedUse.size > 1_000) notedUse.clear()
        notedUse.set(key, now)
        await pool.query('update studio.project_preview set used_at = now() where key = $1', [key])
      }
      return row
    },
  }
}

const noEntry: FailureState = {
  code: 'NO_PAGE',
  message: `The project has no ${entryPath} to begin with.`,
  retryable: false,
  advice: `Add a file ${entryPath} and sync the project.`,
}
