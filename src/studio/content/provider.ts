/** One of a concept's three pieces of content. */
export type ContentPiece = 'TUTORIAL' | 'RESOURCES' | 'QUIZ'

/** Longer sources are cut before they are analysed; the concepts of a roadmap are shorter. */
export const maxSourceCharacters = 20_000

/** A request for one piece of content, with its source material. */
export interface ContentRequest {
  readonly piece: ContentPiece
  /** The concept's title. */
  readonly title: string
  /** Titles of the enclosing roadmap, stage and module. */
  readonly context: { readonly roadmap: string; readonly stage: string; readonly module: string }
  /** The concept's text, Markdown; may be empty. */
  readonly source: string
  /** The concept's links; only http, https, mailto and relative addresses are used. */
  readonly links: readonly { readonly text: string; readonly url: string }[]
  /**
   * Texts of the roadmap's concepts, each beginning with its title on a line of its own; may
   * include the concept itself. Used for wrong answers in questions and for suggested reading; may
   * be empty.
   */
  readonly corpus: readonly string[]
  /**
   * The same seed requests the same content, a different one a variation, as far as the provider
   * supports it.
   */
  readonly seed: number
  /** Aborts the generation. */
  readonly signal: AbortSignal
}

/**
 * Why content could not be generated; stable, part of the API.
 *
 * - `NOT_ENOUGH_TEXT`: the source has too little text.
 * - `PROVIDER_REFUSED`: the service rejects the credentials or the request.
 * - `PROVIDER_BUSY`: the service asks to retry later.
 * - `PROVIDER_UNAVAILABLE`: the service cannot be reached, is silent, broke off or sent an invalid
 *   response.
 * - `CONTENT_REFUSED`: its filter stopped the answer.
 * - `EMPTY_ANSWER`: its answer was empty.
 * - `TOO_COMPLEX`: generating took more time or memory than a job may use.
 * - `GENERATOR_UNAVAILABLE`: the generation process could not be started, or was lost.
 */
export type ContentErrorCode =
  | 'NOT_ENOUGH_TEXT'
  | 'PROVIDER_REFUSED'
  | 'PROVIDER_BUSY'
  | 'PROVIDER_UNAVAILABLE'
  | 'CONTENT_REFUSED'
  | 'EMPTY_ANSWER'
  | 'UNUSABLE_ANSWER'
  | 'TOO_COMPLEX'
  | 'GENERATOR_UNAVAILABLE'

/** A failed generation: the failure, whether a retry may help, and what the user can do. */
export class ContentError extends Error {
  override readonly name = 'ContentError'
  readonly code: ContentErrorCode
  readonly retryable: boolean
  /** Minimum delay before a retry; undefined when the provider does not specify one. */
  readonly retryAfterMs: number | undefined
  /** A sentence for the user. */
  readonly advice: string

  constructor(
    code: ContentErrorCode,
    message: string,
    details: { readonly advice: string; readonly retryable: boolean; readonly retryAfterMs?: number | undefined },
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.retryable = details.retryable
    this.retryAfterMs = details.retryAfterMs
    this.advice = details.advice
  }
}

/**
 * Creates the failure of work that exceeds its own limits.
 *
 * @param reason - the limit, as the end of a sentence: "took longer than 60 s"
 */
export function tooComplex(reason: string): ContentError {
  return new ContentError('TOO_COMPLEX', `The text could not be processed: it ${reason}`, {
    retryable: false,
    advice: 'Split the document, or remove its unusual parts, and import it again.',
  })
}

/**
 * The source of content. One contract suite, `test/studio/content/contract.ts`, runs on every
 * implementation.
 *
 * An implementer guarantees:
 * - `generate` itself never throws and starts nothing; work begins with the first `next()`.
 * - The pieces concatenate to the whole content: Markdown that begins with a heading and ends with
 *   one newline. None is empty. They are yielded as they are produced, with backpressure: the
 *   provider waits for the caller's `next()`.
 * - When `signal` is aborted, before or at any time, the pending or next `next()` rejects
 *   immediately with the signal's reason.
 * - Every other failure is a {@link ContentError}. One that is not `retryable` would fail again for
 *   the same request.
 * - It does not retry: the caller knows the retry policy and reports retries.
 * - `return()` takes effect immediately, also while a `next()` is pending, and releases everything:
 *   sockets, timers and listeners.
 * - Calls are independent and may run concurrently.
 *
 * A caller must not rely on the size of a piece, and must treat the Markdown as untrusted: it comes
 * from a document or from a service.
 */
export interface ContentProvider {
  /** For logs and for branching on the provider: `extractive`, `openai`. */
  readonly name: string
  generate(request: ContentRequest): AsyncIterable<string>
}
