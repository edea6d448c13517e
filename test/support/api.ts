import { type ExecutionResult, execute, parse } from 'graphql'
import type { Services } from '../../schema/kit/services.ts'
import { createContext, schema } from '../../schema/studio/index.ts'
import { parseConfig } from '../../src/config.ts'
import { serialisedOf } from '../../src/live/deliver/stream-sink.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLiveDelivery } from '../../src/main/app.ts'
import { createApplications } from '../../src/studio/applications.ts'
import { ContentError, type ContentProvider, type ContentRequest } from '../../src/studio/content/provider.ts'
import { defineConvertDocument } from '../../src/studio/documents/convert/convert-document.ts'
import type { convertApart } from '../../src/studio/documents/convert/converter.ts'
import { createNotifications } from '../../src/studio/notifications/notifications.ts'
import { createEndNotices } from '../../src/studio/notifications/task-ends.ts'
import { defineCreateRoadmap } from '../../src/studio/roadmaps/create-roadmap.ts'
import { outlineRoadmap } from '../../src/studio/roadmaps/outline.ts'
import { defineRetryContent, defineRetryFailedContent } from '../../src/studio/roadmaps/retry-content.ts'
import { createRoadmapLog } from '../../src/studio/roadmaps/updates.ts'
import type { Engine, EngineConfig } from '../../src/tasks/engine.ts'
import type { TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { localDeveloper, type Viewer } from '../../src/tasks/model/viewer.ts'
import { convertHere } from './convert-here.ts'
import { type EngineFixture, startTestEngine } from './engine.ts'

/**
 * How a scripted provider answers a request; a generated text names the piece, the concept and the
 * seed.
 */
export type Script = (request: ContentRequest) => 'fail' | 'retry' | 'wait' | 'text'

/**
 * A content provider with failures set by a test. It follows the port's contract: chunks, errors
 * and abortion are real.
 */
export interface ScriptedProvider extends ContentProvider {
  script: Script
  /** Resumes the waiting requests, and those that are going to wait. */
  release(): void
}

/** Creates a scripted provider; every request returns text until a script is set. */
export function createScriptedProvider(): ScriptedProvider {
  let gate = Promise.withResolvers<void>()
  const provider: ScriptedProvider = {
    name: 'scripted',
    script: () => 'text',
    release() {
      gate.resolve()
      gate = Promise.withResolvers()
    },
    async *generate(request) {
      const { signal, piece, title, seed } = request
      signal.throwIfAborted()
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
      aborted.catch(() => undefined)
      const decision = provider.script(request)
      // Taken before anyone can see the first piece of text, and respond to it by a release.
      const { promise: released } = gate
      yield `# ${title}\n\n`
      if (decision === 'wait') await Promise.race([released, aborted])
      if (decision === 'fail')
        throw new ContentError('CONTENT_REFUSED', 'The service refused.', {
          retryable: false,
          advice: 'Change the text.',
        })
      if (decision === 'retry')
        throw new ContentError('PROVIDER_BUSY', 'The service is busy.', {
          retryable: true,
          advice: 'Wait.',
          retryAfterMs: 10,
        })
      yield `${piece} ${seed}\n`
    },
  }
  return provider
}

/** The API of a test: real engine, real database, no transport. */
export interface ApiFixture extends Omit<EngineFixture, 'run'> {
  readonly provider: ScriptedProvider
  readonly services: Services
  /**
   * Executes a query or mutation and returns its data.
   * @throws Error with the messages of errors
   */
  run(document: string, variables?: Record<string, unknown>, viewer?: Viewer | null): Promise<never>
  /** The same with its errors. */
  execute(document: string, variables?: Record<string, unknown>, viewer?: Viewer | null): Promise<ExecutionResult>
  /** Subscribes; yields the data of each event. @throws Error with the messages of a refusal */
  watch(
    document: string,
    variables?: Record<string, unknown>,
    options?: { readonly viewer?: Viewer | null; readonly catchUp?: boolean },
  ): AsyncGenerator<never, void, void>
  /** Imports a text and waits until it is READY. */
  importText(text: string, viewer?: Viewer): Promise<string>
  /** Imports a text and starts creating a roadmap of it. */
  startRoadmap(text: string, viewer?: Viewer): Promise<{ readonly roadmapId: string; readonly taskId: string }>
  /** The same, and waits for the end. */
  makeRoadmap(text: string, viewer?: Viewer): Promise<{ readonly roadmapId: string; readonly taskId: string }>
}

/** The priority boost of a viewer with a plan. */
export const planBoostMs = 60_000

/** Creates a viewer for tests. */
export function viewerOf(userId: string, rest: Partial<Viewer> = {}): Viewer {
  return { userId, roles: [], plan: null, taskIds: null, sessionIds: null, expiresAt: null, ...rest }
}

/**
 * Starts the API on a fresh database.
 * @param more - kinds of task in addition to those of documents and roadmaps
 * @param convert - reads imported files; in this process by default
 */
export async function startApi(
  config: Partial<EngineConfig> = {},
  more: readonly TaskDefinition[] | ((log: Pick<Engine, 'appender'>) => readonly TaskDefinition[]) = [],
  convert: typeof convertApart = convertHere,
): Promise<ApiFixture> {
  const provider = createScriptedProvider()
  const fixture = await startTestEngine({
    definitions: (log) => [
      defineConvertDocument({ maxBytes: 1_000_000 }, convert),
      defineCreateRoadmap(provider, {
        roadmapLog: createRoadmapLog(log.appender),
        concurrency: 2,
        outline: async (structure) => outlineRoadmap(structure),
      }),
      defineRetryContent(provider, createRoadmapLog(log.appender)),
      defineRetryFailedContent(provider, { roadmapLog: createRoadmapLog(log.appender), concurrency: 2 }),
      ...(typeof more === 'function' ? more(log) : more),
    ],
    config,
    createAtEnd: ({ presence, ...log }) =>
      createEndNotices({ notifications: createNotifications(log), presence, logger: silentLogger }),
  })
  const services: Services = {
    engine: fixture.engine,
    ...createApplications(fixture.engine),
    previewUrl: 'http://preview.test',
    limits: { maxUploadBytes: 1_000_000, headStartMs: (plan) => (plan === null ? 0 : planBoostMs) },
  }
  const live = createLiveDelivery(services, parseConfig({ NODE_ENV: 'test' }), silentLogger)
  const prepare = (document: string, variables: Record<string, unknown>, viewer: Viewer | null, catchUp = false) => ({
    schema,
    document: parse(document),
    variableValues: variables,
    contextValue: createContext(services, viewer, { catchUp }),
  })
  const failOn = ({ errors }: ExecutionResult): void => {
    if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '))
  }
  const executeApi: ApiFixture['execute'] = async (document, variables = {}, viewer = localDeveloper) =>
    execute(prepare(document, variables, viewer))
  const run: ApiFixture['run'] = async (document, variables, viewer) => {
    const result = await executeApi(document, variables, viewer)
    failOn(result)
    return result.data as never
  }
  const end = async (taskId: string): Promise<void> => {
    const task = await fixture.get({ id: taskId })
    await fixture.history(task)
  }
  const importText: ApiFixture['importText'] = async (text, viewer) => {
    const { importDocument }: { importDocument: { document: { id: string }; task: { id: string } } } = await run(
      `mutation ($text: String!) { importDocument(input: { source: { text: $text }, name: "test.md" }) { ... on ImportDocumentSuccess { document { id } task { id } } } }`,
      { text },
      viewer,
    )
    await end(importDocument.task.id)
    return importDocument.document.id
  }
  const startRoadmap: ApiFixture['startRoadmap'] = async (text, viewer) => {
    const documentId = await importText(text, viewer)
    const { createRoadmap }: { createRoadmap: { roadmap: { id: string }; task: { id: string } } } = await run(
      `mutation ($id: ID!) { createRoadmap(input: { documentId: $id }) { ... on CreateRoadmapSuccess { roadmap { id } task { id } } } }`,
      { id: documentId },
      viewer,
    )
    return { roadmapId: createRoadmap.roadmap.id, taskId: createRoadmap.task.id }
  }
  return {
    ...fixture,
    provider,
    services,
    execute: executeApi,
    run,
    async *watch(document, variables = {}, { viewer = localDeveloper, catchUp = false } = {}) {
      const results = await live.subscribe(prepare(document, variables, viewer, catchUp))
      if (!(Symbol.asyncIterator in results)) {
        failOn(results)
        return
      }
      for await (const one of results) {
        const text = serialisedOf(one)
        const result = text === undefined ? one : (JSON.parse(text) as ExecutionResult)
        failOn(result)
        yield result.data as never
      }
    },
    importText,
    startRoadmap,
    async makeRoadmap(text, viewer) {
      const started = await startRoadmap(text, viewer)
      await end(started.taskId)
      return started
    },
  }
}
