import type { PoolClient } from 'pg'
import { keyOfPath } from './file-names.ts'
import type { FileInput } from './project.ts'

/** Stores validated files of a project, replacing those with the same names. */
export async function storeFiles(client: PoolClient, projectId: string, files: readonly FileInput[]): Promise<void> {
  // Another spelling of a name replaces the previous one.
  await client.query('delete from studio.project_file where project_id = $1 and path_key = any($2::text[])', [
    projectId,
    files.map(({ path }) => keyOfPath(path)),
  ])
  await client.query(
    `insert into studio.project_file (project_id, path, path_key, content, size_bytes)
     select $1, path, path_key, content, octet_length(content)
     from unnest($2::text[], $3::text[], $4::text[]) as f(path, path_key, content)`,
    [
      projectId,
      files.map(({ path }) => path),
      files.map(({ path }) => keyOfPath(path)),
      files.map(({ content }) => content),
    ],
  )
}

/**
 * Makes these the only files of a project; identical files are not rewritten.
 * @returns the numbers of files written and deleted
 */
export async function replaceFiles(
  client: PoolClient,
  projectId: string,
  files: readonly FileInput[],
): Promise<{ readonly written: number; readonly removed: number }> {
  const { rows } = await client.query<{ path: string; content: string }>(
    'select path, content from studio.project_file where project_id = $1 for update',
    [projectId],
  )
  const present = new Map(rows.map(({ path, content }) => [path, content]))
  const newPaths = new Set(files.map(({ path }) => path))
  const removedPaths = [...present.keys()].filter((path) => !newPaths.has(path))
  await client.query('delete from studio.project_file where project_id = $1 and path = any($2::text[])', [
    projectId,
    removedPaths,
  ])
  const changedFiles = files.filter(({ path, content }) => present.get(path) !== content)
  if (changedFiles.length > 0) await storeFiles(client, projectId, changedFiles)
  return { written: changedFiles.length, removed: removedPaths.length }
}
