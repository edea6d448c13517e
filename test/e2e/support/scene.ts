import type { Browser, BrowserContext } from 'playwright-core'
import { vi } from 'vitest'
import { startEmbeddedPostgres } from '../../../src/db/embedded.ts'
import { silentLogger } from '../../../src/logger.ts'
import { secret, signToken } from '../../server/support.ts'
import { createTestDirectory } from '../../support/directory.ts'
import { findFreePort } from '../../support/port.ts'
import { createTcpProxy, type TcpProxy } from '../../support/proxy.ts'
import { startRedis, type TestRedis } from '../../support/redis.ts'
import { type Asked, textOf } from './model.ts'
import { desktop } from './page.ts'
import { createWords, type Words } from './words.ts'
import { startWorld, type World } from './world.ts'

/**
 * A server with a Redis, a PostgreSQL and a connection to it that can be cut, a browser with the
 * tabs of two users, and a model with output set by the test.
 */
export interface Scene extends AsyncDisposable {
  readonly world: World
  /** Where the pages find the server: at the other end of the proxy. */
  readonly url: string
  readonly line: TcpProxy
  readonly redis: TestRedis
  readonly postgres: { stop(): Promise<void>; start(): Promise<void> }
  /** Of Ada, who is an administrator. */
  readonly hers: BrowserContext
  readonly his: BrowserContext
  /** Ada's. */
  readonly token: string
  /** Sends an operation as Ada. */
  ask<T>(query: string, variables?: Record<string, unknown>): Promise<T>
  /**
   * Starts a task as Ada and waits for its end.
   * @param field - the name of the mutation; its success has the task
   */
  untilDone(query: string, field: string, variables?: Record<string, unknown>): Promise<void>
  /**
   * The model's word-by-word output: a piece of content of Owls, replies, files. Each `rewrite`
   * begins a new text.
   */
  readonly words: { tell(count: number): void; end(): void; rewrite(): void; readonly told: number }
  /** The number of questions that the model has written so far. */
  questions: number
}

const birds = ['Owls', 'Robins', 'Herons', 'Finches', 'Magpies', 'Swifts', 'Kestrels', 'Cranes', 'Larks', 'Puffins']
const deeds = ['hunt', 'sing', 'wade', 'nest', 'steal', 'sleep', 'hover', 'dance', 'rise', 'dive']
const places = ['night', 'dawn', 'rivers', 'hedges', 'jewels', 'clouds', 'roads', 'marshes', 'fields', 'cliffs']
const sentences = birds.map((bird, index) => `${bird} ${deeds[index]} most of the time near ${places[index]}.`)
/** A document from which quizzes are generated. */
export const birdsText = `# Birds\n\n${sentences.join(' ')}\n`

/**
 * Returns a question about {@link birdsText}, as a model writes it.
 * @param index - of its sentence, below 10
 */
export function questionOf(index: number): string {
  const sentence = sentences[index]
  return `${JSON.stringify({ kind: 'TRUE_FALSE', prompt: sentence, answer: 'TRUE', explanation: 'It says so.', difficulty: 'EASY', quotation: sentence })}\n`
}

/** Starts everything; no page is open yet. */
export async function setScene(browser: Browser): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const directory = stack.use(await createTestDirectory())
  const start = () => startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger })
  let server = await start()
  stack.defer(() => server[Symbol.asyncDispose]())
  const port = await findFreePort()
  const line = stack.use(await createTcpProxy(port))
  const url = `http://127.0.0.1:${line.port}`
  const world = stack.use(
    await startWorld(
      {
        PORT: String(port),
        STUDIO_URL: url,
        REDIS_URL: redis.url,
        DATABASE_URL: server.url,
        JWT_SECRET: secret,
        MAX_RUNNING_PER_USER: '0',
        // The same after a restart: open pages use it.
        PREVIEW_PORT: String(await findFreePort()),
      },
      { canCrash: true },
    ),
  )
  const forAnHour = { expiresInMs: 3_600_000 }
  const ada = await signToken({ sub: 'ada', roles: ['admin'] }, forAnHour)
  const bob = await signToken({ sub: 'bob' }, forAnHour)
  const enter = async (token: string): Promise<BrowserContext> => {
    const context = await browser.newContext(desktop)
    stack.defer(() => context.close())
    await context.exposeFunction('tidingsToken', () => token)
    return context
  }
  let words: Words = createWords()
  let told = 0
  let questions = 0
  let thought = Promise.withResolvers<void>()
  async function* think(): AsyncGenerator<string> {
    for (let index = 0; index < birds.length; index++) {
      while (questions <= index) await thought.promise
      yield questionOf(index)
    }
  }
  world.model.answer = (asked) => {
    if (asked.what === 'QUESTIONS') return think()
    if (asked.what === 'PROJECT') return writeProject(words)
    return asked.what === 'REPLY' || isOwlsQuiz(asked) ? words.text() : textOf(asked)
  }
  const ask: Scene['ask'] = (query, variables) => world.query(query, variables, ada)
  const [hers, his] = [await enter(ada), await enter(bob)]
  const opened = stack.move()
  return {
    world,
    url,
    line,
    redis,
    hers,
    his,
    token: ada,
    ask,
    postgres: {
      async stop() {
        await server[Symbol.asyncDispose]()
      },
      async start() {
        server = await start()
      },
    },
    async untilDone(query, field, variables) {
      const answer = await ask<Record<string, { readonly task: { readonly id: string } }>>(query, variables)
      await vi.waitFor(
        async () => {
          const { task } = await ask<{ task: { status: string } }>('query ($id: ID!) { task(id: $id) { status } }', {
            id: answer[field]?.task.id,
          })
          if (task.status !== 'COMPLETED') throw new Error(`${field} is ${task.status}`)
        },
        { interval: 50 },
      )
    },
    words: {
      get told() {
        return told
      },
      tell(count) {
        told += count
        words.next(count)
      },
      end: () => words.end(),
      rewrite() {
        told = 0
        words = createWords()
      },
    },
    get questions() {
      return questions
    },
    set questions(count) {
      questions = count
      thought.resolve()
      thought = Promise.withResolvers()
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Whether this is the quiz that is written slowly, once it exists. */
function isOwlsQuiz({ title, piece, times }: Asked): boolean {
  return title === 'Owls' && piece === 'QUIZ' && times > 0
}

async function* writeProject(words: Words): AsyncGenerator<string> {
  yield '=== index.html ===\n<!doctype html>\n<html lang="en">\n<title>Words</title>\n<p>'
  for await (const piece of words.text()) if (!piece.startsWith('#')) yield piece
  yield '</p>\n</html>\n=== end ===\n'
}
