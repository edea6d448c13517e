import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Database } from '../../src/db/connect.ts'
import { silentLogger } from '../../src/logger.ts'
import { createApplications } from '../../src/studio/applications.ts'
import { parseStudioConfig } from '../../src/studio/config.ts'
import { createRandom } from '../../src/studio/content/extractive/random.ts'
import { createTaskDefinitions } from '../../src/studio/definitions.ts'
import { type Engine, startEngine } from '../../src/tasks/engine.ts'
import { isTransient } from '../../src/tasks/model/failure.ts'
import { declareItems, item } from '../../src/tasks/model/report.ts'
import { lastEventTypes, type Task } from '../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { makeDocx } from '../fixtures/documents/docx.ts'
import { makePdf, type PdfText } from '../fixtures/documents/pdf.ts'
import { benchConfig, startBenchDatabase, startBenchEngine } from './engine.ts'
import type { RecordedEvent, RecordedRun, RecordedTask } from './estimates-replay.ts'

const owner = 'u_1'
/** Events closer together than this share of the duration of their task are dropped. */
const resolution = 0.02
const random = createRandom(16).next
const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
/** Sizes from `from` to `to`, evenly distributed on a logarithmic scale. */
const between = (from: number, to: number): number => Math.round(from * (to / from) ** random())

const words =
  'river bank delta flood plain sediment grain current valley glacier moraine lake shore tide basin soil layer rock erosion channel'.split(
    ' ',
  )
const wordOf = (): string => words[Math.floor(random() * words.length)] ?? 'river'
function sentence(): string {
  const text = Array.from({ length: 8 + Math.floor(random() * 10) }, wordOf).join(' ')
  return `The ${text} is called ${wordOf()} number ${Math.floor(random() * 1_000)}.`
}
const paragraph = (): string => Array.from({ length: 5 }, sentence).join(' ')

type Format = 'pdf' | 'docx' | 'html' | 'md'

/** Writes a document of about `size` paragraphs. */
function makeDocument(format: Format, size: number): Buffer {
  const parts = Array.from({ length: size }, (_, index) => ({
    heading: index % 6 === 0 ? `Chapter ${index / 6 + 1}` : null,
    text: paragraph(),
  }))
  switch (format) {
    case 'md':
      return Buffer.from(parts.map(({ heading, text }) => (heading ? `# ${heading}\n\n${text}` : text)).join('\n\n'))
    case 'html':
      return Buffer.from(
        `<!doctype html><title>Rivers</title>${parts.map(({ heading, text }) => `${heading ? `<h1>${heading}</h1>` : ''}<p>${text}</p>`).join('\n')}`,
      )
    case 'docx':
      return makeDocx(
        parts.flatMap(({ heading, text }) => [...(heading ? [{ text: heading, style: 'Heading1' }] : []), { text }]),
      )
    case 'pdf': {
      const pages = Array.from({ length: Math.ceil(size / 6) }, (_, page): PdfText[] =>
        parts.slice(page * 6, page * 6 + 6).flatMap(({ heading, text }, index) => [
          ...(heading ? [{ text: heading, size: 18, y: 780 }] : []),
          ...(text.match(/.{1,90}( |$)/g) ?? []).map((line, row) => ({
            text: line.replace(/[()\\]/g, ''),
            size: 9,
            y: 750 - index * 110 - row * 12,
          })),
        ]),
      )
      return makePdf(pages)
    }
  }
}

async function untilEnded(engine: Engine, tasks: readonly Pick<Task, 'id' | 'kind'>[]): Promise<void> {
  await Promise.all(
    tasks.map(async ({ id }) => {
      for await (const update of engine.follow({ taskId: id }))
        if (update.is === 'event' && lastEventTypes.has(update.event.type)) return
    }),
  )
}

/** Reads the tasks of a kind and their events from the log. */
async function readRun(
  { pool }: Pick<Database, 'pool'>,
  name: string,
  { kind, slots, stages }: Pick<RecordedRun, 'kind' | 'slots' | 'stages'>,
): Promise<RecordedRun> {
  const { rows } = await pool.query<Omit<RecordedTask, 'events'> & { events: RecordedEvent[] }>(
    `with first as (select min(created_at) as at from tidings.task where kind = $1)
     select k.variant, k.size, coalesce((select (payload->'progress'->>'totalItems')::int from tidings.event
         where topic = 'task:' || k.id and seq = 1), 0) as items,
       round(extract(epoch from k.created_at - first.at) * 1000)::float8 as "createdMs",
       round(extract(epoch from k.started_at - first.at) * 1000)::float8 as "startedMs",
       round(extract(epoch from k.finished_at - first.at) * 1000)::float8 as "finishedMs",
       k.attempts->-1->'stageMs' as "stageMs",
       (select jsonb_agg(jsonb_build_array(round(extract(epoch from e.at - k.started_at) * 1000),
            e.payload->'progress'->'stage', coalesce(e.payload->'progress'->'stagePercent', '0'),
            e.payload->'progress'->'totalItems', e.payload->'progress'->'percent') order by e.seq)
         from tidings.event e where e.topic = 'task:' || k.id and e.at > k.started_at and e.type <> 'TaskCompleted') as events
     from tidings.task k cross join first
     where k.kind = $1 and k.status = 'COMPLETED' and k.attempt = 1
     order by k.queue_key, k.id`,
    [kind],
  )
  const thinned = rows.map((task) => {
    const stepMs = (task.finishedMs - task.startedMs) * resolution
    let lastMs = Number.NEGATIVE_INFINITY
    const events = (task.events ?? []).filter(([ms]) => {
      const isKept = ms - lastMs >= stepMs
      if (isKept) lastMs = ms
      return isKept
    })
    return { ...task, events }
  })
  return { name, kind, slots, stages, tasks: thinned }
}

/** How long the items of a task take: those of one task are alike, and tasks differ. */
const paces: Readonly<Record<string, (index: number) => () => number>> = {
  'steady, ±10 %': () => () => 40 * (0.9 + random() * 0.2),
  'mixed, σ 0.4 and 0.4': () => {
    const own = 40 * Math.exp(0.4 * normal())
    return () => own * Math.exp(0.4 * normal())
  },
  'wild, σ 0.8 and 0.8': () => {
    const own = 30 * Math.exp(0.8 * normal())
    return () => own * Math.exp(0.8 * normal())
  },
  'three times slower after half': (index) => () => (index < 50 ? 25 : 75) * (0.8 + random() * 0.4),
}

/** Tasks of ten items each, which sleep: the items of one task are alike, and tasks differ. */
async function recordPaced(name: string, pace: (index: number) => () => number): Promise<RecordedRun> {
  let count = 0
  const keys = Array.from({ length: 10 }, (_, index) => String(index))
  const definition = createTaskDefinition({
    kind: 'PACED',
    input: z.object({}),
    concurrency: 4,
    async *run() {
      const next = pace(count++)
      yield declareItems(keys.map((key) => ({ key, label: key })))
      for (const key of keys) {
        yield item.started(key)
        await delay(next())
        yield item.completed(key)
      }
      return {}
    },
  }) as TaskDefinition
  await using bench = await startBenchDatabase()
  await using engine = await startBenchEngine(bench.database, [definition])
  for (const crowd of [20, 60]) {
    const start = () => engine.tasks.start({ kind: 'PACED', input: {}, owner })
    const started = await Promise.all(Array.from({ length: crowd }, start))
    await untilEnded(
      engine,
      started.map(({ task }) => task),
    )
  }
  return readRun(bench.database, name, { kind: 'PACED', slots: 4, stages: null })
}

/**
 * Documents of four formats, quizzes and roadmaps about them, made by the kinds of the Studio with
 * the extractive provider.
 */
async function recordStudio(add: (run: RecordedRun) => Promise<void>): Promise<void> {
  await using bench = await startBenchDatabase()
  const { database } = bench
  const config = parseStudioConfig({ CONTENT_PACE_MS: '5' })
  await using engine = await startEngine({
    config: benchConfig,
    database,
    definitions: (log) => createTaskDefinitions(config, { ...log, logger: silentLogger }),
    logger: silentLogger,
  })
  const { documents } = createApplications(engine)
  const addKind = async (name: string, kind: string): Promise<void> => {
    const { stages = null, concurrency = 1 } = engine.definitions.get(kind) ?? {}
    await add(await readRun(database, name, { kind, slots: concurrency, stages }))
  }
  const imported: string[] = []
  for (const crowd of [12, 36]) {
    const started = []
    for (let index = 0; index < crowd; index++) {
      const format = (['pdf', 'docx', 'html', 'md'] as const)[index % 4] ?? 'md'
      const bytes = makeDocument(format, between(6, 200))
      started.push(await untilAccepted(() => documents.import({ owner, name: `Rivers ${index}.${format}`, bytes })))
    }
    await untilEnded(
      engine,
      started.map(({ task }) => task),
    )
    imported.push(...started.map(({ document }) => document.id))
  }
  await addKind('documents', 'CONVERT_DOCUMENT')
  const startAll = async (kind: string, inputs: readonly Record<string, unknown>[]): Promise<void> => {
    const tasks: Task[] = []
    for (const input of inputs) tasks.push((await untilAccepted(() => engine.tasks.start({ kind, input, owner }))).task)
    await untilEnded(engine, tasks)
  }
  const quiz = () => ({
    documentId: imported[Math.floor(random() * imported.length)] ?? '',
    questionCount: between(2, 20),
    kinds: ['MULTIPLE_CHOICE', 'CLOZE', 'TRUE_FALSE'],
  })
  for (const crowd of [8, 36]) await startAll('GENERATE_QUIZ', Array.from({ length: crowd }, quiz))
  await addKind('quizzes', 'GENERATE_QUIZ')
  const few = imported.slice(0, 14).map((documentId) => ({ documentId }))
  await startAll('CREATE_ROADMAP', few.slice(0, 4))
  await startAll('CREATE_ROADMAP', few.slice(4))
  await addKind('roadmaps', 'CREATE_ROADMAP')
}

/** A busy machine may lose a connection to the database, which a client would repeat as well. */
async function untilAccepted<T>(request: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await request()
    } catch (error) {
      if (!isTransient(error)) throw error
    }
}

/**
 * Records runs and writes them to `path`, after each one. Runs of the same name are replaced.
 *
 * @param only - `paced` or `studio`; both by default
 */
export async function recordRuns(path: string, only?: string): Promise<void> {
  const runs = new Map<string, RecordedRun>()
  if (only !== undefined)
    for (const run of JSON.parse(await readFile(path, 'utf8')) as readonly RecordedRun[]) runs.set(run.name, run)
  const add = async (run: RecordedRun): Promise<void> => {
    runs.set(run.name, run)
    await writeFile(path, `[${[...runs.values()].map((one) => JSON.stringify(one)).join(',\n')}]\n`)
  }
  if (only !== 'studio') for (const [name, pace] of Object.entries(paces)) await add(await recordPaced(name, pace))
  if (only !== 'paced') await recordStudio(add)
}
