/** One of the three pieces of content that a concept has. */
export type ContentPiece = 'TUTORIAL' | 'RESOURCES' | 'QUIZ'

/** What to generate, and from what. */
export interface ContentRequest {
  readonly piece: ContentPiece
  /** The concept's title. */
  readonly title: string
  /** Titles of what the concept is a part of. */
  readonly context: { readonly roadmap: string; readonly stage: string; readonly module: string }
  /** The concept's text, Markdown; may be empty. */
  readonly source: string
  /** The concept's links; only http, https, mailto and relative addresses are used. */
  readonly links: readonly { readonly text: string; readonly url: string }[]
  /**
   * Texts of the roadmap's concepts, each beginning with its title on a line of its own; the concept itself may be among
   * them. They give wrong answers for questions and suggestions to read on; may be empty.
   */
  readonly corpus: readonly string[]
  /** The same seed asks for the same content again, another one for a variation, as far as the provider can. */
  readonly seed: number
  /** Ends the generation. */
  readonly signal: AbortSignal
}

/**
 * Why content could not be generated; stable, part of the API.
 * `NOT_ENOUGH_TEXT` the source holds nothing to work with; `PROVIDER_REFUSED` the service does not accept us or the
 * request; `PROVIDER_BUSY` it asks to come back later; `PROVIDER_UNAVAILABLE` it cannot be reached, is silent, broke off
 * or answers nonsense; `CONTENT_REFUSED` its filter stopped the answer; `EMPTY_ANSWER` it answered nothing.
 */
export type ContentErrorCode =
  | 'NOT_ENOUGH_TEXT'
  | 'PROVIDER_REFUSED'
  | 'PROVIDER_BUSY'
  | 'PROVIDER_UNAVAILABLE'
  | 'CONTENT_REFUSED'
  | 'EMPTY_ANSWER'
  | 'UNUSABLE_ANSWER'

/** A failed generation: what happened, whether asking again may help, and what the person who asked can do. */
export class ContentError extends Error {
  override readonly name = 'ContentError'
  readonly code: ContentErrorCode
  readonly retryable: boolean
  /** Wait at least this long before asking again; undefined when the provider says nothing about it. */
  readonly retryAfterMs: number | undefined
  /** A sentence for the person who asked. */
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
 * Where content comes from. One contract suite, `test/studio/content/contract.ts`, runs on every implementation.
 *
 * An implementer owes:
 * - `generate` itself never throws and starts nothing; work begins with the first `next()`.
 * - The pieces concatenate to the whole content: Markdown that begins with a heading and ends with one newline. None is empty.
 *   They come as they are produced; a caller that does not ask for the next one is waited for.
 * - When `signal` is aborted, before or at any time, the pending or next `next()` rejects at once with the signal's reason.
 * - Every other failure is a {@link ContentError}. One that is not `retryable` would fail again for the same request.
 * - It does not retry by itself: whoever asks knows how often and shows it.
 * - `return()` takes effect at once, also while a `next()` is pending, and leaves nothing open: no socket, timer or listener.
 * - Calls are independent of one another and may run at the same time.
 *
 * A caller may rely on nothing about the size of a piece, and must treat the Markdown as untrusted: it comes from a
 * document, or from a service.
 */
export interface ContentProvider {
  /** For logs and decisions about it: `extractive`, `openai`. */
  readonly name: string
  generate(request: ContentRequest): AsyncIterable<string>
}
