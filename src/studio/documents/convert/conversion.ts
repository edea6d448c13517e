import type { ArchiveLimits } from '../docx/docx.ts'
import type { DocumentStructure } from '../structure/structure.ts'
import type { DocumentFormat } from '../structure/structure-decode.ts'
import type { DocumentErrorCode } from '../structure/structure-error.ts'

/** Resource limits of a conversion. */
export interface ConversionLimits extends ArchiveLimits {
  /** Maximum size of the document; 25 MiB by default. */
  readonly maxBytes: number
  /** Maximum number of pages; 2,000 by default. */
  readonly maxPages: number
  /** Maximum length of the extracted text, in UTF-16 units. */
  readonly maxTextCharacters: number
  /** Wall-clock limit of the whole conversion; 180 s by default. */
  readonly timeoutMs: number
  /** Limit of the JavaScript heap. */
  readonly maxHeapBytes: number
  /** Limit of the whole process memory. */
  readonly maxMemoryBytes: number
}

/**
 * Generous for real documents: 25 MB of HTML take 500 MB of the heap. A worker converts two
 * documents at once.
 */
export const defaultLimits: ConversionLimits = {
  maxBytes: 26_214_400,
  maxPages: 2_000,
  maxTextCharacters: 26_214_400,
  maxEntries: 5_000,
  maxExpandedBytes: 268_435_456,
  maxRatio: 200,
  timeoutMs: 180_000,
  maxHeapBytes: 536_870_912,
  maxMemoryBytes: 805_306_368,
}

/** The input of the converting process. */
export interface ConversionRequest {
  readonly bytes: Uint8Array
  /** The file's name. */
  readonly name: string
  readonly limits: ConversionLimits
}

/** A converted document, without its sections and passages. */
interface DocumentHead extends Pick<DocumentStructure, 'title' | 'wordCount' | 'notes' | 'links' | 'pages'> {
  readonly format: DocumentFormat
  readonly sectionCount: number
}

/**
 * A converted document. What grows with its text is JSON in parts of about 1 MB: the server stores
 * them one by one, and its event loop parses none of them.
 */
export interface ConvertedDocument extends DocumentHead {
  /** JSON of `Section[]`. */
  readonly sections: readonly string[]
  /** JSON of `Passage[]`, with their folded texts. */
  readonly passages: readonly string[]
}

/** The progress of a conversion. */
export type ConversionStep =
  | { readonly is: 'checking'; readonly percent: number }
  /** The content of a document without pages is being read. */
  | { readonly is: 'extracting'; readonly percent: number }
  /** A paged document was opened: one label per page. */
  | { readonly is: 'opened'; readonly labels: readonly string[] }
  | { readonly is: 'page'; readonly number: number; readonly isBroken: boolean }
  | { readonly is: 'structuring'; readonly percent: number }

/** A message from the converting process; the last two kinds end the conversion. */
export type ConversionMessage =
  | ConversionStep
  | { readonly is: 'sections'; readonly json: string }
  | { readonly is: 'passages'; readonly json: string }
  | { readonly is: 'refused'; readonly code: DocumentErrorCode; readonly message: string; readonly advice: string }
  | { readonly is: 'converted'; readonly head: DocumentHead }
