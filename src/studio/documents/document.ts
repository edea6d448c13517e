import type { FailureState } from '../../engine.ts'
import type { PageStart } from './structure/structure.ts'
import type { DocumentFormat } from './structure/structure-decode.ts'

/** A document as stored in its row, without its original. */
export interface Document {
  readonly id: string
  readonly owner: string
  /** The file's name. */
  readonly name: string
  readonly title: string
  /** null until it is detected. */
  readonly format: DocumentFormat | null
  readonly status: 'PROCESSING' | 'READY' | 'FAILED'
  readonly sizeBytes: number
  readonly wordCount: number
  /** Assumptions and omissions, as sentences. */
  readonly notes: readonly string[]
  /** The start of each page; empty for documents without pages. */
  readonly pages: readonly PageStart[]
  readonly error: FailureState | null
  readonly createdAt: Date
}

/** A part of a document under a heading. */
export interface DocumentSection {
  readonly key: string
  readonly level: number
  readonly heading: string
  readonly body: string
  readonly position: number
  /** The page it begins on; null in documents without pages. */
  readonly page: number | null
}
