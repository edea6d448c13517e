import type { StudioConfig } from '../studio/config.ts'
import type { App } from './app.ts'

/** Returns the text printed after the start: the addresses, and notes on the configuration. */
export function describeStart(app: App, config: StudioConfig, tookMs: number): string {
  const { server, healthServer, dataDir } = app
  const rows: [string, string][] = []
  if (server !== null)
    rows.push(
      ['Studio', `${server.url}/`],
      ['GraphiQL', `${server.url}/graphql`],
      ['WebSocket', server.wsUrl],
      ['Previews', app.services.previewUrl ?? 'have no address; set PREVIEW_URL'],
      ['Health', `${server.url}/health/ready`],
    )
  else if (healthServer !== null) rows.push(['Health', `http://${config.HOST}:${healthServer.port}/health/ready`])
  rows.push(
    ['Data', dataDir === null ? 'in the PostgreSQL of DATABASE_URL' : `${dataDir} (embedded PostgreSQL)`],
    ['Bus', config.REDIS_URL === undefined ? 'within this process; set REDIS_URL to run several' : 'Redis'],
    ['Work', config.ROLE === 'server' ? 'is done by other processes (npm run worker)' : 'is done in this process'],
  )
  if (server !== null) rows.push(['Viewer', describeViewer(config)])
  const width = Math.max(...rows.map(([name]) => name.length))
  const table = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n')
  const name = server === null ? 'The Tidings worker' : 'Tidings'
  const hint =
    server === null
      ? ''
      : `\nOpen GraphiQL: its tabs hold operations that run as they are. Or paste this:\n\n${firstOperation}\n`
  return `\n${name} is ready in ${Math.round(tookMs)} ms\n\n${table}\n${hint}\nCtrl-C ends it.\n`
}

const firstOperation = `  query {
    roadmaps(first: 1) { nodes { id title activeTask { id status progress { percent } } } }
  }`

function describeViewer({ JWT_SECRET, JWKS_URL }: StudioConfig): string {
  if (JWT_SECRET === undefined && JWKS_URL === undefined)
    return 'no JWT_SECRET: every request is the local developer’s, from this machine only'
  return 'by the token in Authorization, or in connection_init'
}
