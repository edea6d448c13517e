/**
 * Prints the packages that a whole Tidings loads: `node loaded-packages.ts ENDPOINT`, with the
 * address of the trace collector or an empty string.
 */
import { registerHooks } from 'node:module'

const packages = new Set<string>()
registerHooks({
  load(url, context, next) {
    const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
    if (name !== undefined) packages.add(name)
    return next(url, context)
  },
})
const { parseConfig } = await import('../../src/config.ts')
await import('../../src/main/app.ts')
const { openTracing } = await import('../../src/tracing/open.ts')
const { silentLogger } = await import('../../src/logger.ts')
const tracing = await openTracing(
  parseConfig({ NODE_ENV: 'test', OTEL_EXPORTER_OTLP_ENDPOINT: process.argv[2] }),
  silentLogger,
)
await tracing[Symbol.asyncDispose]()
console.log([...packages].sort().join(' '))
