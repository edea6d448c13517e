/** Attributes of a span: numbers, strings and booleans by name. */
type SpanFacts = Readonly<Record<string, string | number | boolean>>

/** The role of a span, as in OpenTelemetry's span kind. */
export type SpanRole = 'server' | 'producer' | 'consumer' | 'internal'

/** A span in progress. */
export interface Span {
  /** The `traceparent` for work that continues the trace elsewhere; see `src/tracing/trace-parent.ts`. */
  readonly traceParent: string
  /**
   * Ends the span. Called once.
   * @param failure - why it failed; undefined if it succeeded
   */
  end(facts?: SpanFacts, failure?: string): void
}

/** Options for starting a span. */
export interface SpanStart {
  readonly role: SpanRole
  /**
   * The `traceparent` of the parent span; an invalid one counts as no parent. Defaults to the
   * caller's active span.
   */
  readonly parent?: string | null | undefined
  readonly facts?: SpanFacts
}

/**
 * Traces work from the mutation to the subscriber, across processes. Off unless configured; the
 * cost when off is a single call that returns undefined at each traced operation.
 *
 * An unsampled trace has no spans in any process: its `traceParent` carries the flag, so other
 * processes do not record it either.
 */
export interface Tracing extends AsyncDisposable {
  readonly isOn: boolean
  /** The `traceparent` of the caller's active span; undefined outside of any span. */
  current(): string | undefined
  /** Begins a span that the caller ends. Returns undefined if it would not be recorded. */
  begin(name: string, start: SpanStart): Span | undefined
  /**
   * Runs `work` in a span that ends with it; the span fails when `work` throws.
   * {@link Tracing.current} returns this span in `work` and in everything it starts.
   * @param work - receives an object to add attributes to, which are recorded at the end
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
