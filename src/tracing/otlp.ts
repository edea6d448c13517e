import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  DiagLogLevel,
  diag,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { withTimeout } from '../async/timeout.ts'
import type { Logger } from '../logger.ts'
import { formatTraceParent, parseTraceParent } from './trace-parent.ts'
import type { Span, SpanRole, SpanStart, Tracing } from './tracing.ts'

const kinds: Readonly<Record<SpanRole, SpanKind>> = {
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
}
/** Short enough to follow a trace while it grows, long enough to cost next to nothing. */
const exportEveryMs = 1_000
const exportPatienceMs = 5_000
/** Longest wait at shutdown for a collector that does not answer. */
const shutDownTimeoutMs = 1_500
/** Minimum interval between two warnings: while the collector is unavailable, every export fails. */
const complainEveryMs = 60_000

/**
 * Creates tracing with the OpenTelemetry SDK, over OTLP/HTTP with JSON. Registers nothing globally
 * except the SDK's diagnostic logger: the active span is kept here, and is passed on as a
 * `traceparent`.
 *
 * @param options.endpoint - URL of the collector, without `/v1/traces`; its headers are
 * `OTEL_EXPORTER_OTLP_HEADERS`
 * @param options.ratio - ratio of the traces begun by this process that are recorded, 0 to 1; a
 * trace begun elsewhere is recorded if it is recorded there
 */
export function createOtlpTracing(options: {
  readonly endpoint: string
  readonly service: string
  readonly role: string
  readonly ratio: number
  readonly logger: Logger
}): Tracing {
  const { endpoint, service, role, ratio, logger } = options
  let complainedAt = Number.NEGATIVE_INFINITY
  const complain = (message: string): void => {
    if (performance.now() - complainedAt < complainEveryMs) return
    complainedAt = performance.now()
    logger.warn({ reason: message.slice(0, 500) }, 'failed to export spans')
  }
  const ignore = (): void => undefined
  diag.setLogger(
    { error: complain, warn: complain, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': service,
      'service.instance.id': crypto.randomUUID(),
      'process.pid': process.pid,
      'tidings.role': role,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({
          url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
          timeoutMillis: exportPatienceMs,
        }),
        scheduledDelayMillis: exportEveryMs,
        exportTimeoutMillis: exportPatienceMs,
      }),
    ],
  })
  const tracer = provider.getTracer('tidings')
  const place = new AsyncLocalStorage<string>()

  const contextOf = (parent: string | null | undefined): Context => {
    const traceParent = parseTraceParent(parent)
    if (traceParent === null) return ROOT_CONTEXT
    const { traceId, spanId, isSampled } = traceParent
    const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE
    return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
  }
  const startSpan = (name: string, start: SpanStart): OtelSpan => {
    // An explicit parent wins, even if it is null or undefined: a task that was enqueued without a
    // trace begins a new one.
    const parent = 'parent' in start ? start.parent : place.getStore()
    return tracer.startSpan(name, { kind: kinds[start.role], attributes: { ...start.facts } }, contextOf(parent))
  }
  const parentOf = (span: OtelSpan): string => {
    const { traceId, spanId, traceFlags } = span.spanContext()
    return formatTraceParent({ traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 })
  }
  const endSpan = (span: OtelSpan, facts: Parameters<Span['end']>[0], failure: string | undefined): void => {
    if (facts !== undefined) span.setAttributes({ ...facts })
    if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
    span.end()
  }

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const shutDown = provider.shutdown().catch((error: unknown) => complain(String(error)))
    await withTimeout(shutDownTimeoutMs, shutDown)
  }

  return {
    isOn: true,
    current: () => place.getStore(),
    begin(name, start) {
      const span = startSpan(name, start)
      if (!span.isRecording()) return undefined
      return { traceParent: parentOf(span), end: (facts, failure) => endSpan(span, facts, failure) }
    },
    async within(name, start, work) {
      const span = startSpan(name, start)
      const facts: Record<string, string | number | boolean> = {}
      try {
        const result = await place.run(parentOf(span), () => work(facts))
        endSpan(span, facts, typeof facts['error.type'] === 'string' ? facts['error.type'] : undefined)
        return result
      } catch (error) {
        endSpan(span, facts, error instanceof Error ? error.name : 'error')
        throw error
      }
    },
    [Symbol.asyncDispose]() {
      closing ??= close()
      return closing
    },
  }
}
