/** A passage that may answer a question. */
export interface ReplyPassage {
  /** The title of its source, such as a document's. */
  readonly source: string
  /** '' when there is none. */
  readonly heading: string
  /** null for sources without pages. */
  readonly page: number | null
  /** Plain text. */
  readonly text: string
  /** The positions of the question's words, in UTF-16 units, in order. */
  readonly matches: readonly { readonly start: number; readonly end: number }[]
}

/** The question to answer, and its material. */
export interface ReplyRequest {
  readonly question: string
  /** Earlier messages, oldest first; replies have no author. */
  readonly history: readonly { readonly author: string | null; readonly text: string }[]
  /** The number of cards that were searched for passages. */
  readonly cardCount: number
  /** Best first; may be empty. */
  readonly passages: readonly ReplyPassage[]
  /** Differs for each attempt. */
  readonly seed: number
  readonly signal: AbortSignal
}

/** A part of a reply: the next piece of text, or a citation. */
export type ReplyPart =
  | { readonly is: 'text'; readonly text: string }
  /** `passage` is an index into the request's passages, from 0. */
  | { readonly is: 'citation'; readonly passage: number; readonly quotation: string }

/**
 * The source of replies.
 *
 * An implementer guarantees: texts that concatenate to Markdown, yielded as they are produced, none
 * empty; citations of the given passages only, quoting verbatim; failures as `ContentError`;
 * immediate rejection with the signal's reason when `signal` is aborted. It does not retry. A
 * caller treats the Markdown as untrusted.
 */
export interface ReplyProvider {
  /** For logs: `extractive`, `openai`. */
  readonly name: string
  reply(request: ReplyRequest): AsyncIterable<ReplyPart>
}
