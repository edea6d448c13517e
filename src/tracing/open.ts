import type { Config } from '../config.ts'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { noTracing, type Tracing } from './tracing.ts'

const packages = ['api', 'exporter-trace-otlp-http', 'resources', 'sdk-trace'].map((name) => `@opentelemetry/${name}`)

/** The settings that tracing reads. */
type TracingConfig = Pick<
  Config,
  'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_SERVICE_NAME' | 'OTEL_TRACES_SAMPLER_ARG' | 'ROLE'
>

/**
 * Opens the tracing of this process: exports to the collector at `OTEL_EXPORTER_OTLP_ENDPOINT`, and
 * is off without it. OpenTelemetry is loaded only if tracing is on. Disposing exports the remaining
 * spans, within a short timeout.
 *
 * @throws TidingsError `BAD_CONFIGURATION` if the packages of OpenTelemetry, which are optional, are not installed
 */
export async function openTracing(config: TracingConfig, logger: Logger): Promise<Tracing> {
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint === undefined) return noTracing
  const { createOtlpTracing } = await import('./otlp.ts').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new TidingsError(
      'BAD_CONFIGURATION',
      `OTEL_EXPORTER_OTLP_ENDPOINT is ${endpoint}, and the packages of OpenTelemetry are not installed; run: npm install ${packages.join(' ')}`,
      {},
      { cause: error },
    )
  })
  return createOtlpTracing({
    endpoint,
    service: config.OTEL_SERVICE_NAME,
    role: config.ROLE,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
    logger,
  })
}
