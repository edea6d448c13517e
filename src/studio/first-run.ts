import { readFile } from 'node:fs/promises'
import type { Engine, Logger } from '../engine.ts'
import type { Applications } from './applications.ts'
import type { Document } from './documents/document.ts'
import { createRoadmapKind } from './roadmaps/create-roadmap.ts'

/** The project's own documentation, in reading order. */
const chapters = ['README.md', 'docs/architecture.md', 'docs/protocol.md', 'docs/client.md', 'docs/operations.md']
const key = 'first-run'
const name = 'handbook.md'

/** Reads the documentation as one document: each file becomes a chapter, its headings one level down. */
async function readHandbook(): Promise<string> {
  const texts = await Promise.all(
    chapters.map((name) =>
      readFile(new URL(`../../${name}`, import.meta.url), 'utf8').catch((error: unknown) => {
        // A package may omit documents; the existing ones are imported.
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
        throw error
      }),
    ),
  )
  return texts.filter((text) => text !== '').join('\n\n')
}

/**
 * Fills an empty database with real content for one user: imports the project's own documentation
 * and creates a roadmap of it. Runs once, no matter how often and on how many servers it is called;
 * stops waiting when `signal` aborts.
 */
export async function prepareFirstRun(options: {
  readonly engine: Engine
  readonly applications: Applications
  readonly owner: string
  readonly logger: Logger
  readonly signal: AbortSignal
}): Promise<void> {
  const { engine, applications, owner, logger, signal } = options
  const [newest] = await applications.documents.list({ owner, limit: 1 })
  const [roadmap] = await applications.roadmaps.list({ owner, limit: 1 })
  // A start that was interrupted between the two is resumed.
  if (roadmap !== undefined || (newest !== undefined && newest.name !== name)) return
  const document = newest ?? (await importHandbook(options))
  const active = await engine.store.activeFor([document.id])
  if (active[0]) await untilOver(engine, active[0].id, signal)
  if (signal.aborted) return
  const { task: roadmapTask, isNew } = await engine.tasks.start({
    kind: createRoadmapKind,
    input: { documentId: document.id },
    owner,
    idempotencyKey: key,
  })
  if (isNew) logger.info({ taskId: roadmapTask.id }, 'started the first roadmap from the documentation')
}

async function importHandbook({
  applications,
  owner,
}: {
  readonly applications: Applications
  readonly owner: string
}): Promise<Document> {
  const bytes = new TextEncoder().encode(await readHandbook())
  const { document } = await applications.documents.import({ owner, name, bytes, idempotencyKey: key })
  return document
}

async function untilOver(engine: Engine, taskId: string, signal: AbortSignal): Promise<void> {
  await using updates = engine.follow({ taskId })
  const leave = (): void => void updates.return?.()
  signal.addEventListener('abort', leave, { once: true })
  // Ends after the terminal event, or when the process does.
  for await (const _ of updates);
  signal.removeEventListener('abort', leave)
}
