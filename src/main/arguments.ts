import { describeSettings } from '../environment.ts'
import { studioSettings } from '../studio/config.ts'

/** A parsed command line. */
type Request = { readonly is: 'run' } | { readonly is: 'help' } | { readonly is: 'refused'; readonly message: string }

/** Parses the arguments of `npm start` and `npm run worker`: `--help` is the only option. */
export function readArguments(args: readonly string[], command: string): Request {
  if (args.includes('--help') || args.includes('-h')) return { is: 'help' }
  const [unknown] = args
  if (unknown === undefined) return { is: 'run' }
  return {
    is: 'refused',
    message: `The argument ${JSON.stringify(unknown)} is not known; settings are environment variables, see: ${command} -- --help`,
  }
}

/** Returns the help text of a command. */
export function describeUsage(command: string): string {
  return `Tidings: live task progress over GraphQL.

Usage:
  ${command}                            settings come from environment variables, then from a file .env
  PORT=8080 LOG_LEVEL=debug ${command}
  ${command} -- --help

Endpoints:
  /               the Studio, in a browser
  /graphql        the API: POST, GET, event streams (SSE), WebSocket (graphql-transport-ws); GraphiQL in a browser
  /health/live    200 while the process runs
  /health/ready   200 when it can serve: database, bus, not shutting down
  /metrics        for Prometheus

Examples:
  ${command}
      everything in one process on http://127.0.0.1:4000, with a PostgreSQL of its own in .data
  DATABASE_URL=postgres://user:password@host/tidings REDIS_URL=redis://host JWT_SECRET=… HOST=0.0.0.0 ${command}
      one of several servers behind a balancer
  DATABASE_URL=postgres://user:password@host/tidings npm run worker
      a process that only works

Settings:
${describeSettings(studioSettings)}
`
}
