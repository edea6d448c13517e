import type { ArchiveLimits } from './docx.ts'
import type { DocumentStructure } from './structure.ts'
import type { DocumentFormat, TextFormat } from './structure-decode.ts'
import type { DocumentErrorCode } from './structure-error.ts'

/** A format that is taken apart in a process of its own. */
export type BinaryFormat = Exclude<DocumentFormat, TextFormat>

/** What a conversion may use up. */
export interface ConversionLimits extends ArchiveLimits {
  /** Largest document; 25 MiB by default. */
  readonly maxBytes: number
  /** Most pages; 2,000 by default. */
  readonly maxPages: number
  /** Longest text that is made of it, in UTF-16 units. */
  readonly maxTextCharacters: number
  /** From start to end, by the clock. */
  readonly timeoutMs: number
  /** Of JavaScript objects. */
  readonly maxHeapBytes: number
  /** Of everything. */
  readonly maxMemoryBytes: number
}

/** Generous for what people write: 25 MB of HTML take 500 MB of the heap. A worker converts two at once. */
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

/** What the converting process is told. */
export interface ConversionRequest {
  readonly format: BinaryFormat
  readonly bytes: Uint8Array
  /** The file's name. */
  readonly name: string
  readonly limits: ConversionLimits
}

/** How far a conversion has come. */
export type ConversionStep =
  | { readonly is: 'checking'; readonly percent: number }
  /** What a document without pages holds is being read. */
  | { readonly is: 'extracting'; readonly percent: number }
  /** A paged document was opened: what stands on its pages, one label each. */
  | { readonly is: 'opened'; readonly labels: readonly string[] }
  | { readonly is: 'page'; readonly number: number; readonly isBroken: boolean }
  | { readonly is: 'structuring'; readonly percent: number }

/** What the converting process tells; the last two end it. */
export type ConversionMessage =
  | ConversionStep
  | { readonly is: 'refused'; readonly code: DocumentErrorCode; readonly message: string; readonly advice: string }
  | { readonly is: 'structure'; readonly structure: DocumentStructure }
