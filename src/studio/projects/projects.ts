import type { PoolClient } from 'pg'
import {
  appendInTransaction,
  type Database,
  findActiveTask,
  type TaskService,
  TidingsError,
  type TransactionalAppender,
  withTransaction,
} from '../../engine.ts'
import { deleteWithTasks } from '../delete-with-tasks.ts'
import { createOwnedRows, type OwnedRows } from '../owned-rows.ts'
import { normalizePath } from './file-names.ts'
import { storeFiles } from './files.ts'
import { previewChanged, previewTopic } from './preview/preview.ts'
import { createPreviews, type Previews } from './preview/previews.ts'
import { describeProblem, type FileProblem, type Project, type ProjectFile } from './project.ts'
import { fileColumns, projectColumns } from './rows.ts'
import { createChecker } from './syntax/checker.ts'
import { sortFiles } from './syntax/validate.ts'

/** The projects of all users. Access is checked by the API. Tasks create and sync them. */
export interface Projects extends OwnedRows<Project> {
  readonly previews: Previews
  /** The files of several projects, each by name. */
  filesOf(projectIds: readonly string[]): Promise<readonly (readonly ProjectFile[])[]>
  /** The most recent task that synced each project, finished or not; null when there is none. */
  lastSyncs(projectIds: readonly string[]): Promise<readonly (string | null)[]>
  /**
   * Creates or overwrites one file of a project, and refreshes its preview if it runs.
   * @throws TidingsError `NOT_FOUND`; `BAD_INPUT` with all problems of the file; `CONFLICT` when a
   * task works on the project, or it is no longer at `expectedVersion`
   */
  updateFile(change: {
    readonly owner: string
    readonly projectId: string
    readonly path: string
    readonly content: string
    readonly expectedVersion?: number | undefined
  }): Promise<void>
  /**
   * Deletes a project with its files, stops its preview, cancels the tasks that work on it, and
   * erases all its tasks.
   * @returns the ids of the canceled tasks
   * @throws TidingsError `NOT_FOUND`
   */
  delete(owner: string, projectId: string): Promise<readonly string[]>
}

/** Creates the store of projects. */
export function createProjects(options: {
  readonly database: Database
  readonly appender: TransactionalAppender
  readonly tasks: Pick<TaskService, 'erase'>
}): Projects {
  const { database, appender } = options
  const { pool } = database
  const previews = createPreviews({ database, appender })

  const filesOf: Projects['filesOf'] = async (projectIds) => {
    const { rows } = await pool.query<ProjectFile>(
      `select ${fileColumns} from studio.project_file where project_id = any($1::text[]) order by project_id, path collate "C"`,
      [projectIds],
    )
    const byProject = Map.groupBy(rows, (file) => file.projectId)
    return projectIds.map((id) => byProject.get(id) ?? [])
  }

  return {
    ...createOwnedRows<Project>(database, 'studio.project', projectColumns),
    previews,
    filesOf,
    async lastSyncs(projectIds) {
      const { rows } = await pool.query<{ subject: string; id: string }>(
        `select distinct on (subject) subject, id from tidings.task
         where subject = any($1::text[]) and kind = 'SYNC_PROJECT' order by subject, created_at desc`,
        [projectIds],
      )
      const byProject = new Map(rows.map(({ subject, id }) => [subject, id]))
      return projectIds.map((id) => byProject.get(id) ?? null)
    },
    async updateFile({ owner, projectId, path, content, expectedVersion }) {
      const [files = []] = await filesOf([projectId])
      const changedPath = normalizePath(path)
      const { files: sorted, problems } = sortFiles([
        ...files.filter((file) => file.path !== changedPath),
        { path, content },
      ])
      const allProblems: FileProblem[] = [...problems]
      const file = sorted.find((candidate) => candidate.path === changedPath)
      if (file !== undefined && allProblems.length === 0) {
        await using checker = createChecker()
        const paths = sorted.map((candidate) => candidate.path)
        allProblems.push(...(await checker.check(file, paths)))
      }
      if (allProblems.length > 0) throw refuse(allProblems)
      const isRunning = await withTransaction(database, async (client) => {
        await lockProject(client, projectId, owner, expectedVersion)
        await storeFiles(client, projectId, [{ path: changedPath, content }])
        await client.query('update studio.project set version = version + 1, updated_at = now() where id = $1', [
          projectId,
        ])
        const { rowCount } = await client.query(
          `select from studio.project_preview where project_id = $1 and status in ('STARTING', 'READY')`,
          [projectId],
        )
        return rowCount !== 0
      })
      if (isRunning) await previews.launch(projectId)
    },
    // The tasks' inputs and events contain the files.
    delete: (owner, projectId) =>
      deleteWithTasks(options, {
        reason: 'The project was deleted.',
        async lock(client) {
          const { rowCount } = await client.query(
            'select from studio.project where id = $1 and owner = $2 for update',
            [projectId, owner],
          )
          if (rowCount === 0)
            throw new TidingsError('NOT_FOUND', `There is no project "${projectId}"`, { id: projectId })
          return [projectId]
        },
        async remove(client) {
          const { rows } = await client.query<{ version: number }>(
            'select version from studio.project_preview where project_id = $1 for update',
            [projectId],
          )
          await client.query('delete from studio.project where id = $1', [projectId])
          const preview = {
            projectId,
            status: 'STOPPED',
            key: null,
            version: rows[0]?.version ?? 0,
            error: null,
            changedAt: new Date().toISOString(),
          }
          // Notifies subscribers and closes the topic.
          await appendInTransaction(appender, client, {
            topic: previewTopic(projectId),
            close: true,
            events: [{ type: previewChanged, payload: { preview, isLast: true } }],
          })
        },
      }),
  }
}

/**
 * Locks a project of the owner that no task works on, until the transaction ends.
 * @param expectedVersion - the version that the caller knows; undefined for any
 * @throws TidingsError `NOT_FOUND`; `CONFLICT`, with the task if one works on it
 */
export async function lockProject(
  client: PoolClient,
  projectId: string,
  owner: string,
  expectedVersion: number | undefined,
): Promise<Project> {
  const { rows } = await client.query<Project>(
    `select ${projectColumns} from studio.project where id = $1 and owner = $2 for no key update`,
    [projectId, owner],
  )
  const [row] = rows
  if (row === undefined) throw new TidingsError('NOT_FOUND', `There is no project "${projectId}"`, { id: projectId })
  const task = await findActiveTask(client, [projectId])
  if (task !== undefined)
    throw new TidingsError(
      'CONFLICT',
      `Project "${row.title}" is ${task.kind === 'SYNC_PROJECT' ? 'being synced' : 'still being made'}; wait for it, or cancel that`,
      { taskId: task.id },
    )
  if (expectedVersion !== undefined && expectedVersion !== row.version)
    throw new TidingsError(
      'CONFLICT',
      `Project "${row.title}" was changed elsewhere: it is at version ${row.version}, not ${expectedVersion}; load it again`,
    )
  return row
}

function refuse(problems: readonly FileProblem[]): TidingsError {
  return new TidingsError('BAD_INPUT', problems.map(describeProblem).join('; '), {
    issues: problems.map((problem) => ({ path: 'input.content', message: describeProblem(problem) })),
  })
}
