import type { Config } from './config.ts'
import type { Logger } from './logger.ts'

/** What is said of a span beside its name: numbers, texts and truth values by name. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>

/** What a span is to the spans around it. */
export type SpanRole = 'server' | 'producer' | 'consumer' | 'internal'

/** A part of a trace that is under way. */
export interface Span {
  /** For what continues it elsewhere; see `src/trace-parent.ts`. */
  readonly traceParent: string
  /**
   * Ends it. Called once.
   * @param failure - why it failed; without it, it did not
   */
  end(facts?: SpanFacts, failure?: string): void
}

/** How a span begins. */
export interface SpanStart {
  readonly role: SpanRole
  /** The `traceparent` that it belongs under; what is none counts as nothing. By default, the span that the caller is in. */
  readonly parent?: string | null | undefined
  readonly facts?: SpanFacts
}

/**
 * Follows work from the mutation to the reader, over processes. Off unless it is configured; being off costs a call that
 * returns undefined, where something happens, and no more.
 *
 * What is not sampled has spans nowhere, and its `traceParent` says so, so that it has none elsewhere either.
 */
export interface Tracing extends AsyncDisposable {
  readonly isOn: boolean
  /** The `traceparent` of the span that the caller is in; undefined outside of any. */
  current(): string | undefined
  /** Begins a span, for the caller to end. undefined when it would not be recorded. */
  begin(name: string, start: SpanStart): Span | undefined
  /**
   * Does `work` in a span that ends with it, and fails when it throws. {@link Tracing.current} in it, and in all that it sets
   * going, is that span.
   * @param work - given the facts to add to, which are told at the end
   */
  within<T>(
    name: string,
    start: SpanStart,
    work: (facts: Record<string, string | number | boolean>) => Promise<T>,
  ): Promise<T>
}

/** Tracing that is off. */
export const noTracing: Tracing = {
  isOn: false,
  current: () => undefined,
  begin: () => undefined,
  within: (_name, _start, work) => work({}),
  [Symbol.asyncDispose]: () => Promise.resolve(),
}

/** The settings that tracing reads. */
export type TracingConfig = Pick<
  Config,
  'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_SERVICE_NAME' | 'OTEL_TRACES_SAMPLER_ARG' | 'ROLE'
>

/**
 * Opens the tracing of this process: to the collector at `OTEL_EXPORTER_OTLP_ENDPOINT`, and off without one. Only then is
 * OpenTelemetry loaded. Disposing sends what is still to be sent, and does not wait long for it.
 */
export async function openTracing(config: TracingConfig, logger: Logger): Promise<Tracing> {
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint === undefined) return noTracing
  const { createOtlpTracing } = await import('./tracing-otlp.ts')
  return createOtlpTracing({
    endpoint,
    service: config.OTEL_SERVICE_NAME,
    role: config.ROLE,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
    logger,
  })
}
