import { z } from 'zod'
import { studioPlugins } from '../../../client/apps/plugins.ts'
import type { Timing } from '../../../client/base/timing.ts'
import type { TidingsClientOptions } from '../../../client/options.ts'
import { createTidingsClient, type TidingsClient } from '../../../client/tidings-client.ts'
import type { Services } from '../../../schema/kit/services.ts'
import { createContext, schema } from '../../../schema/studio/index.ts'
import { parseConfig } from '../../../src/config.ts'
import { silentLogger } from '../../../src/logger.ts'
import { createLiveDelivery } from '../../../src/main/app.ts'
import { type RunningServer, startServer } from '../../../src/server/server.ts'
import { createApplications } from '../../../src/studio/applications.ts'
import { defineConvertDocument } from '../../../src/studio/documents/convert/convert-document.ts'
import { defineCreateRoadmap } from '../../../src/studio/roadmaps/create-roadmap.ts'
import { outlineRoadmap } from '../../../src/studio/roadmaps/outline.ts'
import { defineRetryContent, defineRetryFailedContent } from '../../../src/studio/roadmaps/retry-content.ts'
import { createRoadmapLog } from '../../../src/studio/roadmaps/updates.ts'
import { defineSelfTest } from '../../../src/studio/self-test/self-test.ts'
import { declareItems, item } from '../../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { createScriptedProvider, type ScriptedProvider } from '../../support/api.ts'
import { convertHere } from '../../support/convert-here.ts'
import { type EngineFixture, startTestEngine } from '../../support/engine.ts'
import { findFreePort } from '../../support/port.ts'
import { createTcpProxy, type TcpProxy } from '../../support/proxy.ts'

/** Short timings, so that tests are fast. */
export const quick: Partial<Timing> = {
  backoffMs: 4,
  maxBackoffMs: 50,
  maxReconnectMs: 50,
  probeMs: 30,
  maxProbeMs: 100,
  pollMs: 5,
  maxPollMs: 30,
  lingerMs: 20,
  confirmMs: 10,
}

/** A whole Tidings behind a network that fails on demand. */
export interface Site extends AsyncDisposable {
  readonly engine: EngineFixture
  readonly provider: ScriptedProvider
  readonly services: Services
  readonly proxy: TcpProxy
  /** The endpoint through the proxy. */
  readonly url: string
  readonly server: RunningServer
  /** Stops the server; its port refuses connections. */
  stop(): Promise<void>
  /** Starts it again, on the same port and with the same database. */
  start(): Promise<void>
  /** Creates a client of it, disposed with the site. */
  client(options?: Partial<TidingsClientOptions>): TidingsClient
  /**
   * Starts a task of `steps` parts that runs one for each {@link Site.step}, or all at once when
   * `isFree`.
   */
  count(steps: number, isFree?: boolean): Promise<string>
  step(count?: number): void
  /** Queries the server directly, past the proxy. */
  ask<T>(query: string, variables?: object): Promise<T>
}

/** Starts a site for one test file. */
export async function startSite(environment: Readonly<Record<string, string>> = {}): Promise<Site> {
  await using stack = new AsyncDisposableStack()
  const provider = createScriptedProvider()
  const counting = createCounting()
  const engine = stack.use(
    await startTestEngine({
      definitions: ({ appender }) => [
        counting.definition,
        defineConvertDocument({ maxBytes: 1_000_000 }, convertHere),
        defineCreateRoadmap(provider, {
          roadmapLog: createRoadmapLog(appender),
          concurrency: 2,
          outline: async (structure) => outlineRoadmap(structure),
        }),
        defineRetryContent(provider, createRoadmapLog(appender)),
        defineRetryFailedContent(provider, { roadmapLog: createRoadmapLog(appender), concurrency: 2 }),
        ...(environment['SELF_TEST'] === 'true' ? [defineSelfTest()] : []),
      ],
    }),
  )
  const services: Services = {
    engine: engine.engine,
    ...createApplications(engine.engine),
    limits: { maxUploadBytes: 1_000_000, headStartMs: () => 0 },
  }
  const port = await findFreePort()
  const config = parseConfig({
    NODE_ENV: 'test',
    MAX_SOCKETS_PER_ADDRESS: '100000',
    MAX_SOCKETS_PER_VIEWER: '100000',
    MAX_SOCKET_WORK: '1000000000',
    MAX_VIEWER_WORK: '1000000000',
    MAX_ADDRESS_WORK: '1000000000',
    ...environment,
    PORT: String(port),
  })
  const listen = (): Promise<RunningServer> =>
    startServer({
      config,
      schema,
      live: createLiveDelivery(services, config, silentLogger),
      createContext: (viewer, options) => createContext(services, viewer, options),
      health: { database: engine.database, bus: engine.engine.bus },
      logger: silentLogger,
      // The self-test queries the statistics of the server.
      admin: environment['SELF_TEST'] === 'true' ? engine.engine.admin : undefined,
      confirmMs: 50,
    })
  let server = await listen()
  stack.defer(() => server[Symbol.asyncDispose]())
  const proxy = stack.use(await createTcpProxy(port))
  const clients = new Set<TidingsClient>()
  stack.defer(async () => {
    await Promise.all([...clients].map((client) => client[Symbol.asyncDispose]()))
  })
  const opened = stack.move()
  const url = `http://127.0.0.1:${proxy.port}/graphql`
  return {
    engine,
    provider,
    services,
    proxy,
    url,
    get server() {
      return server
    },
    async stop() {
      await server[Symbol.asyncDispose]()
    },
    async start() {
      server = await listen()
    },
    client(options = {}) {
      const { timing, ...rest } = options
      const client = createTidingsClient({
        plugins: studioPlugins,
        url,
        storage: null,
        timing: { ...quick, ...timing },
        ...rest,
      })
      clients.add(client)
      // Released once it is disposed: a test may create thousands.
      const dispose = async (): Promise<void> => {
        clients.delete(client)
        await client[Symbol.asyncDispose]()
      }
      return { ...client, dispose, [Symbol.asyncDispose]: dispose }
    },
    async count(steps, isFree = false) {
      const { task } = await engine.engine.tasks.start({
        kind: 'GENERATE_PROJECT',
        input: { steps, isFree, begun: counting.allowed() },
        owner: localDeveloper.userId,
      })
      return task.id
    },
    step: counting.step,
    async ask(query, variables = {}) {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      })
      const { data, errors } = (await response.json()) as { data?: never; errors?: readonly { message: string }[] }
      if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '))
      return data as never
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function createCounting(): { readonly definition: TaskDefinition; step(count?: number): void; allowed(): number } {
  let allowed = 0
  let gate = Promise.withResolvers<void>()
  const definition = createTaskDefinition({
    kind: 'GENERATE_PROJECT',
    concurrency: 50,
    input: z.object({ steps: z.number(), isFree: z.boolean(), begun: z.number() }),
    async *run({ input: { steps, isFree, begun }, signal }) {
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      const keys = Array.from({ length: steps }, (_, index) => `part-${index + 1}`)
      yield declareItems(keys.map((key) => ({ key, label: key })))
      for (const [index, key] of keys.entries()) {
        while (!isFree && allowed - begun <= index) {
          signal.throwIfAborted()
          await Promise.race([gate.promise, aborted])
        }
        yield item.completed(key)
      }
      return {}
    },
  })
  return {
    definition: definition as unknown as TaskDefinition,
    allowed: () => allowed,
    step(count = 1) {
      allowed += count
      gate.resolve()
      gate = Promise.withResolvers()
    },
  }
}
