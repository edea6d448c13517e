import type { Config } from '../config.ts'
import type { Logger } from '../logger.ts'
import { noTracing, type Tracing } from './tracing.ts'

/** The settings that tracing reads. */
type TracingConfig = Pick<
  Config,
  'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_SERVICE_NAME' | 'OTEL_TRACES_SAMPLER_ARG' | 'ROLE'
>

/**
 * Opens the tracing of this process: exports to the collector at `OTEL_EXPORTER_OTLP_ENDPOINT`, and
 * is off without it. OpenTelemetry is loaded only if tracing is on. Disposing exports the remaining
 * spans, within a short timeout.
 */
export async function openTracing(config: TracingConfig, logger: Logger): Promise<Tracing> {
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint === undefined) return noTracing
  const { createOtlpTracing } = await import('./otlp.ts')
  return createOtlpTracing({
    endpoint,
    service: config.OTEL_SERVICE_NAME,
    role: config.ROLE,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
    logger,
  })
}
