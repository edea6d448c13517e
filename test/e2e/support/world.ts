import { vi } from 'vitest'
import type { Database } from '../../../src/db/connect.ts'
import { silentLogger } from '../../../src/logger.ts'
import { createTabs, startApp } from '../../../src/main/app.ts'
import { parseStudioConfig } from '../../../src/studio/config.ts'
import { createTestDatabase } from '../../support/database.ts'
import { findFreePort } from '../../support/port.ts'
import { startProcess, type TestProcess } from '../../support/processes.ts'
import { type Model, startModel } from './model.ts'

/** A server on a fresh database, with a model that responds as the test says. */
export interface World extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly model: Model
  /** The server's database, for what the API does not return. */
  readonly database: Database
  /** Kills the server, as a crash would. Only with `canCrash`. */
  crash(): Promise<void>
  /** Starts it again, at the same address and on the same database. Only with `canCrash`. */
  restart(): Promise<void>
  /** Sends an operation and returns its data. */
  query<T>(query: string, variables?: Record<string, unknown>, token?: string): Promise<T>
  /** Creates a roadmap and waits for its end. @returns its id */
  makeRoadmap(options?: { readonly token?: string; readonly titles?: readonly string[] }): Promise<string>
  /** Starts creating a roadmap. @returns its id, and its task's */
  startRoadmap(options?: {
    readonly token?: string
    readonly titles?: readonly string[]
  }): Promise<{ readonly roadmapId: string; readonly taskId: string }>
}

const main = new URL('../../../src/main.ts', import.meta.url)

/**
 * Starts a world.
 *
 * @param environment - settings of the server in addition to those of the tests
 * @param options.canCrash - runs the server in a separate process, which takes some seconds to
 * start; false by default
 */
export async function startWorld(
  environment: Readonly<Record<string, string>> = {},
  { canCrash = false } = {},
): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await createTestDatabase())
  const model = stack.use(await startModel())
  const port = Number(environment['PORT'] ?? (await findFreePort()))
  const url = `http://127.0.0.1:${port}`
  const settings = {
    NODE_ENV: 'development',
    PORT: String(port),
    HOST: '127.0.0.1',
    PREVIEW_PORT: '0',
    DATABASE_URL: database.url,
    FIRST_RUN: 'false',
    LOG_LEVEL: 'warn',
    CONTENT_PROVIDER: 'openai',
    OPENAI_BASE_URL: model.baseUrl,
    LEASE_MS: '1500',
    SWEEP_MS: '200',
    DRAIN_MS: '500',
    MAX_STARTS_PER_MINUTE: '1000',
    ...environment,
  }
  let server: TestProcess | undefined
  stack.defer(() => server?.[Symbol.asyncDispose]())

  const startSeparately = async (): Promise<void> => {
    const started = startProcess(main, [], settings)
    server = started
    // Its output is not read; a full pipe would block it.
    const drain = async (): Promise<void> => {
      for (;;) await started.readLine()
    }
    const failed = drain()
    failed.catch(() => undefined)
    await Promise.race([
      failed,
      vi.waitFor(
        async () => {
          const { ok } = await fetch(`${url}/health/ready`)
          if (!ok) throw new Error('The server is not ready')
        },
        { interval: 50 },
      ),
    ])
  }
  if (canCrash) await startSeparately()
  else stack.use(await startApp({ config: parseStudioConfig(settings), logger: silentLogger, createTabs }))

  const query: World['query'] = async (text, variables = {}, token) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query: text, variables }),
    })
    const { data, errors } = (await response.json()) as { data?: never; errors?: { message: string }[] }
    if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '))
    return data as never
  }
  const untilOver = async (id: string, token: string | undefined): Promise<void> => {
    await vi.waitFor(
      async () => {
        const { task } = await query<{ task: { status: string } }>(
          'query ($id: ID!) { task(id: $id) { status } }',
          { id },
          token,
        )
        if (task.status !== 'COMPLETED') throw new Error(`The task is ${task.status}`)
      },
      { interval: 50 },
    )
  }
  const startRoadmap: World['startRoadmap'] = async ({ token, titles = ['Owls', 'Robins'] } = {}) => {
    const text = ['# Birds', ...titles.map((title) => `## ${title}\n\n${`${title} are birds. `.repeat(30)}`)].join(
      '\n\n',
    )
    const { importDocument } = await query<{ importDocument: { document: { id: string }; task: { id: string } } }>(
      'mutation ($text: String!) { importDocument(input: { source: { text: $text }, name: "birds.md" }) { ... on ImportDocumentSuccess { document { id } task { id } } } }',
      { text },
      token,
    )
    await untilOver(importDocument.task.id, token)
    const { createRoadmap } = await query<{ createRoadmap: { roadmap: { id: string }; task: { id: string } } }>(
      'mutation ($id: ID!) { createRoadmap(input: { documentId: $id }) { ... on CreateRoadmapSuccess { roadmap { id } task { id } } } }',
      { id: importDocument.document.id },
      token,
    )
    return { roadmapId: createRoadmap.roadmap.id, taskId: createRoadmap.task.id }
  }
  const opened = stack.move()
  return {
    url,
    port,
    model,
    database: database.database,
    query,
    startRoadmap,
    async makeRoadmap(options = {}) {
      const { roadmapId, taskId } = await startRoadmap(options)
      await untilOver(taskId, options.token)
      return roadmapId
    },
    async crash() {
      if (server === undefined) throw new Error('This server has no process of its own; start it with canCrash')
      server.kill('SIGKILL', { group: true })
      await server.ended
    },
    restart: startSeparately,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
