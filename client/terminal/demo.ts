import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import type { AnyVariables, Client, DocumentInput } from '@urql/core'
import { studioPlugins } from '../apps/plugins.ts'
import {
  DemoCreateRoadmapDocument,
  DemoImportDocument,
  DemoRetryDocument,
  DemoRoadmapDocument,
  type DemoRoadmapQuery,
} from '../gql/graphql.ts'
import { createTidingsClient, reduceTask, type TaskState, type TidingsClient } from '../index.ts'
import { createScreen, drawTask } from './draw.ts'
import { findServer } from './own-server.ts'

const usage = `Imports a document, makes a roadmap of it and retries one piece, and shows all of it live.

Usage: npm run demo -- FILE.md [options]

  --url URL      the server; one is started there if none answers (default: http://127.0.0.1:4000)
  --token TOKEN  sent as Authorization: Bearer …, for servers that ask for one
  --again        import the file anew, even if it was imported before
  --help         this text

Ctrl-C leaves: the work goes on, and the same command picks it up where it is.
`

/** An error that is printed as a sentence, without a stack. */
class DemoError extends Error {}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:4000' },
      token: { type: 'string' },
      again: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const [path, ...otherArguments] = positionals
  if (values.help) return void process.stdout.write(usage)
  if (path === undefined || otherArguments.length > 0) throw new DemoError(`Name one file.\n\n${usage}`)
  if (!URL.canParse(values.url)) throw new DemoError(`--url is ${JSON.stringify(values.url)}; write http://host:port`)
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new DemoError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  })

  await using server = await findServer(values.url)
  if (server.isOwn)
    process.stdout.write(`${styleText('dim', `A server was started at ${server.url}; it stops with this demo.`)}\n`)
  const { token } = values
  await using client = createTidingsClient({
    plugins: studioPlugins,
    url: new URL('/graphql', server.url).href,
    storage: null,
    ...(token === undefined ? {} : { token: () => token }),
  })
  const leaving = new AbortController()
  process.once('SIGINT', () => leaving.abort())
  const show = (title: string, taskId: string): Promise<TaskState | null> =>
    watch(client, title, taskId, leaving.signal)

  // The key derives from the file: the same file yields the same document and roadmap, so a second
  // run resumes the first.
  const digest = createHash('sha256').update(bytes).update(basename(path)).digest('base64url').slice(0, 22)
  const key = values.again ? `${digest}-${Date.now()}` : digest
  const file = new File([new Uint8Array(bytes)], basename(path))
  const imported = (await ask(client.urql, DemoImportDocument, { file, name: basename(path), key })).importDocument
  if (imported.__typename !== 'ImportDocumentSuccess') throw new DemoError(imported.message)
  const conversion = await show(`${imported.document.title}: reading`, imported.task.id)
  if (conversion?.status !== 'COMPLETED') return leave(conversion)

  const creation = (await ask(client.urql, DemoCreateRoadmapDocument, { documentId: imported.document.id, key }))
    .createRoadmap
  if (creation.__typename !== 'CreateRoadmapSuccess') throw new DemoError(creation.message)
  const roadmapTask = await show(`${imported.document.title}: becoming a roadmap`, creation.task.id)
  if (roadmapTask?.status !== 'COMPLETED') return leave(roadmapTask)

  const roadmap = await readRoadmap(client.urql, creation.roadmap.id)
  process.stdout.write(`\n${drawRoadmap(roadmap)}\n\n`)
  // If an earlier run of the demo left a retry running, it is watched instead of starting a second
  // one.
  const concept = roadmap.stages[0]?.modules[0]?.concepts[0]
  if (concept === undefined) throw new DemoError('The roadmap has no concept')
  const taskId = roadmap.activeTask?.id ?? (await retry(client.urql, concept.id))
  const retried = await show(`${concept.title}: another quiz`, taskId)
  if (retried?.status !== 'COMPLETED') return leave(retried)
  const quiz = [...retried.outputs.values()].at(-1)?.text ?? (await readQuiz(client.urql, roadmap.id, concept.id))
  process.stdout.write(`\n${quiz.trim()}\n`)
}

/** Shows a task until it is finished. Returns null when the user quit before. */
async function watch(
  client: TidingsClient,
  title: string,
  taskId: string,
  signal: AbortSignal,
): Promise<TaskState | null> {
  const screen = createScreen(process.stdout)
  let state: TaskState | undefined
  const draw = (): void => {
    if (state === undefined) return
    const width = process.stdout.columns ?? 100
    screen.show(drawTask({ title, state, connection: client.connection.getSnapshot(), width }))
  }
  const stopConnection = client.connection.subscribe(draw)
  try {
    for await (const event of client.watchTask(taskId, { signal })) {
      state = reduceTask(state, event)
      draw()
    }
  } finally {
    stopConnection()
  }
  return signal.aborted ? null : (state ?? null)
}

async function ask<D, V extends AnyVariables>(urql: Client, document: DocumentInput<D, V>, variables: V): Promise<D> {
  const { data, error } = await urql.mutation(document, variables).toPromise()
  if (data === undefined) throw new DemoError(error?.message ?? 'The server answered nothing')
  return data
}

type Roadmap = NonNullable<DemoRoadmapQuery['roadmap']>

async function readRoadmap(urql: Client, id: string): Promise<Roadmap> {
  const { data, error } = await urql.query(DemoRoadmapDocument, { id }, { requestPolicy: 'network-only' }).toPromise()
  if (!data?.roadmap) throw new DemoError(error?.message ?? `There is no roadmap "${id}"`)
  return data.roadmap
}

async function readQuiz(urql: Client, roadmapId: string, conceptId: string): Promise<string> {
  const { stages } = await readRoadmap(urql, roadmapId)
  const concepts = stages.flatMap(({ modules }) => modules.flatMap((module) => module.concepts))
  return concepts.find(({ id }) => id === conceptId)?.quiz.body ?? ''
}

async function retry(urql: Client, conceptId: string): Promise<string> {
  const { retryContent } = await ask(urql, DemoRetryDocument, { conceptId })
  if (retryContent.__typename === 'RetryContentSuccess') return retryContent.task.id
  if (retryContent.__typename === 'ConflictError' && retryContent.runningTask !== null)
    return retryContent.runningTask.id
  throw new DemoError(retryContent.message)
}

function drawRoadmap({ title, stages }: Roadmap): string {
  const lines = [styleText('bold', title)]
  for (const stage of stages) {
    lines.push(`  ${stage.title}`)
    for (const module of stage.modules)
      lines.push(styleText('dim', `    ${module.concepts.map((concept) => concept.title).join(' · ')}`))
  }
  return lines.join('\n')
}

function leave(state: TaskState | null): void {
  if (state === null) process.stdout.write('\nLeft. The work goes on; the same command picks it up.\n')
  // The error is on the screen already.
  else process.exitCode = 1
}

try {
  await main()
} catch (error) {
  const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  if (!(error instanceof DemoError) && !isUsage) throw error
  process.stderr.write(`${error.message}\n${isUsage ? `\n${usage}` : ''}`)
  process.exitCode = 1
}
