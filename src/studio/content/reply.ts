/** A passage that may answer a question. */
export interface ReplyPassage {
  /** What it is from, such as a document's title. */
  readonly source: string
  /** '' where there is none. */
  readonly heading: string
  /** null in what has no pages. */
  readonly page: number | null
  /** Plain text. */
  readonly text: string
  /** Where the words of the question stand in it, in UTF-16 units, in order. */
  readonly matches: readonly { readonly start: number; readonly end: number }[]
}

/** What to reply to, and from what. */
export interface ReplyRequest {
  readonly question: string
  /** What was said before, oldest first; replies have no author. */
  readonly history: readonly { readonly author: string | null; readonly text: string }[]
  /** How many cards the passages were looked for on. */
  readonly cardCount: number
  /** The best first; may be empty. */
  readonly passages: readonly ReplyPassage[]
  /** Another one for another attempt. */
  readonly seed: number
  readonly signal: AbortSignal
}

/** A part of a reply: text to go on with, or what was cited in it. */
export type ReplyPart =
  | { readonly is: 'text'; readonly text: string }
  /** `passage` counts the passages of the request from 0. */
  | { readonly is: 'citation'; readonly passage: number; readonly quotation: string }

/**
 * Where replies come from.
 *
 * An implementer owes: texts that concatenate to Markdown, as they are produced, none empty; citations of what it was given and of nothing
 * else, quoting word for word; failures as `ContentError`; an end at once when `signal` is aborted, with its reason. It does not retry by
 * itself. A caller treats the Markdown as untrusted.
 */
export interface ReplyProvider {
  /** For logs: `extractive`, `openai`. */
  readonly name: string
  reply(request: ReplyRequest): AsyncIterable<ReplyPart>
}
