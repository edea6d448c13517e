import { connectDatabase, migrate, startEngine } from 'tidings/engine'
import { createLogger, parseConfig } from 'tidings/environment'
import { createContext, type Services } from 'tidings/schema'
import { createLiveDelivery, type RunningServer, startServer } from 'tidings/server'
import { publishArticle } from './publish-article.ts'
import { schema } from './schema.ts'

/** Starts a server and worker on `DATABASE_URL`, which closes with `resources`. */
export async function start(
  environment: Readonly<Record<string, string | undefined>>,
  resources: AsyncDisposableStack,
): Promise<RunningServer> {
  const config = parseConfig(environment)
  const logger = createLogger({ level: config.LOG_LEVEL, production: config.NODE_ENV === 'production' })
  const url = config.DATABASE_URL ?? 'postgres://localhost/articles'
  const database = resources.use(await connectDatabase({ url, maxConnections: config.DATABASE_POOL, logger }))
  await migrate(database, logger)
  await database.pool.query(
    "create table if not exists article (id text primary key, title text not null, status text not null default 'DRAFT')",
  )
  const engine = resources.use(await startEngine({ config, database, definitions: [publishArticle], logger }))
  const headStartMs = (plan: string | null): number => (plan === 'pro' ? 60_000 : 0)
  const services = { engine, limits: { headStartMs } } as Services
  return resources.use(
    await startServer({
      config,
      schema,
      live: createLiveDelivery({ schema, services, config, logger }),
      createContext: (viewer, options) => createContext(services, viewer, options),
      health: { database, bus: engine.bus },
      logger,
    }),
  )
}
