import type { DocumentFormat } from '../../gql/graphql.ts'
import { describeBytes } from '../parts/describe-bytes.ts'

const formats: Readonly<Record<DocumentFormat, string>> = {
  DOCX: 'Word',
  HTML: 'HTML',
  MARKDOWN: 'Markdown',
  PDF: 'PDF',
  PLAIN_TEXT: 'Text',
}

/**
 * Describes the format, pages and word count of a document, as far as known: `PDF, 14 pages, 9,120
 * words`.
 */
export function describeDocument(about: {
  readonly format: DocumentFormat | null
  readonly pageCount: number | null
  readonly wordCount: number
  readonly sizeBytes: number
}): string {
  const { format, pageCount, wordCount, sizeBytes } = about
  return [
    format === null ? null : formats[format],
    pageCount === null ? null : `${pageCount.toLocaleString()} ${pageCount === 1 ? 'page' : 'pages'}`,
    wordCount === 0 ? null : `${wordCount.toLocaleString()} words`,
    describeBytes(sizeBytes),
  ]
    .filter((part) => part !== null)
    .join(', ')
}
