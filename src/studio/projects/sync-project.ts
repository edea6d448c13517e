import { z } from 'zod'
import {
  advance,
  createTaskDefinition,
  type FailureState,
  FinalError,
  item,
  stage,
  type TaskContext,
} from '../../engine.ts'
import type { StudioTask } from '../task-results.ts'
import { announceProject } from './announce.ts'
import { printable } from './file-names.ts'
import { replaceFiles } from './files.ts'
import { createPreviews } from './preview/previews.ts'
import { describeProblem, type FileInput, type FileProblem } from './project.ts'
import { lockProject } from './projects.ts'
import { createChecker } from './syntax/checker.ts'
import { sortFiles } from './syntax/validate.ts'

/** The kind of {@link defineSyncProject}. */
export const syncProjectKind = 'SYNC_PROJECT'

const input = z.object({
  projectId: z.string(),
  files: z.array(z.object({ path: z.string(), content: z.string() })),
  expectedVersion: z.number().int().nullable().default(null),
})
type Input = z.infer<typeof input>

/**
 * Replaces the files of a project and refreshes its preview: validating, syncing, launching,
 * complete. The new files become the project's only files, all or none: a single problem prevents
 * any change. Subject: the project; items: the files, as `file-1` … Fails with `INVALID_FILES` and
 * every problem, with file, line and reason.
 */
export function defineSyncProject(): StudioTask<Input> {
  return createTaskDefinition({
    kind: syncProjectKind,
    input,
    attempts: 3,
    concurrency: 4,
    stages: { validating: 60, syncing: 15, launching: 20, complete: 5 },
    async begin(client, { projectId, files, expectedVersion }, { owner }) {
      await lockProject(client, projectId, owner, expectedVersion ?? undefined)
      return {
        subject: projectId,
        items: files.slice(0, 1_000).map(({ path }, index) => ({ key: keyOf(index), label: printable(path) })),
      }
    },
    run,
    announce: (client, _, ending) =>
      announceProject(client, ending, { completed: 'was synced', failed: 'could not be synced' }),
  })
}

const keyOf = (index: number): string => `file-${index + 1}`

async function* run(context: TaskContext<Input>) {
  const { database, appender, owner } = context
  const { projectId, files: inputFiles } = context.input
  yield stage('validating', 0, `Checking ${inputFiles.length} ${inputFiles.length === 1 ? 'file' : 'files'}`)
  const { files, problems } = sortFiles(inputFiles)
  const foundProblems: FileProblem[] = [...problems]
  yield* check(context, files, foundProblems)
  if (foundProblems.length > 0) throw refuse(foundProblems, new Set(foundProblems.map(({ path }) => path)).size)

  yield stage('syncing', 0, 'Storing what has changed')
  let outcome = { written: 0, removed: 0, version: 0 }
  yield advance({
    stagePercent: 100,
    commit: async (client) => {
      const counts = await replaceFiles(client, projectId, files)
      const { rows } = await client.query<{ version: number }>(
        `update studio.project set version = version + 1, status = 'READY', error = null, updated_at = now()
         where id = $1 and owner = $2 returning version`,
        [projectId, owner],
      )
      const [row] = rows
      if (row === undefined) throw new FinalError('PROJECT_DELETED', 'The project was deleted meanwhile.')
      outcome = { ...counts, version: row.version }
    },
  })

  yield stage('launching', 0, 'Starting the preview')
  const preview = await createPreviews({ database, appender }).launch(projectId)
  if (preview.error !== null) throw new FinalError(preview.error.code, preview.error.message)
  const { written: writtenCount, removed, version } = outcome
  const changes = `${writtenCount} written, ${removed} removed`
  yield stage('complete', 100, `The preview shows version ${version}: ${changes}`)
  return { type: 'ProjectSynced' as const, projectId, version, writtenCount, removedCount: removed }
}

/** Checks each file in the given order, and adds its problems to `foundProblems`. */
async function* check(
  { input: { files: inputFiles }, items, signal }: TaskContext<Input>,
  files: readonly FileInput[],
  foundProblems: FileProblem[],
) {
  await using checker = createChecker()
  const paths = files.map(({ path }) => path)
  const byPath = new Map(files.map((file) => [file.path, file]))
  const isDone = new Set(
    items.filter(({ status }) => status === 'COMPLETED' || status === 'FAILED').map(({ key }) => key),
  )
  // Pages last: whether one may load a script as it does depends on the script.
  const isPage = (path: string): boolean => /\.html$/i.test(path)
  const order = [...inputFiles.entries()].sort(([, a], [, b]) => Number(isPage(a.path)) - Number(isPage(b.path)))
  let checkedCount = 0
  for (const [index, { path: raw }] of order) {
    const key = keyOf(index)
    const name = printable(raw)
    const path = raw.normalize('NFC')
    const file = byPath.get(path)
    if (file !== undefined) foundProblems.push(...(await checker.check(file, paths, signal)))
    const own = foundProblems.filter((problem) => problem.path === path || problem.path === name)
    checkedCount += 1
    yield advance({ stagePercent: (100 * checkedCount) / inputFiles.length, message: `Checked ${name}` })
    if (isDone.has(key) || index >= items.length) continue
    yield own.length === 0 ? item.completed(key) : item.failed(key, describe(own))
  }
}

/** Combines one file's problems into the error of its item. */
function describe(problems: readonly FileProblem[]): FailureState {
  return {
    code: 'INVALID_FILE',
    message: problems.map(describeProblem).join('\n'),
    retryable: false,
    advice: null,
    problems,
  }
}

function refuse(problems: readonly FileProblem[], fileCount: number): FinalError {
  const count = `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in ${fileCount} ${fileCount === 1 ? 'file' : 'files'}`
  const texts = problems.slice(0, 5).map(describeProblem)
  const restCount = problems.length - texts.length
  return new FinalError(
    'INVALID_FILES',
    `${count}, so nothing was changed. ${texts.join('; ')}${restCount > 0 ? `; and ${restCount} more` : ''}`,
    { advice: 'Mend them and sync again.', problems },
  )
}
