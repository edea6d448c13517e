import type { DocumentFormat } from '../../gql/graphql.ts'
import { describeBytes } from '../words.ts'

const formats: Readonly<Record<DocumentFormat, string>> = {
  DOCX: 'Word',
  HTML: 'HTML',
  MARKDOWN: 'Markdown',
  PDF: 'PDF',
  PLAIN_TEXT: 'Text',
}

/** Format, pages and words of a document, as far as they are known: `PDF, 14 pages, 9,120 words`. */
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

/** What a new attempt at the same file may mend: what lies in the file itself stays as it is. */
const passing: readonly string[] = [
  'CANCELED',
  'CONVERTER_CRASHED',
  'CONVERTER_UNAVAILABLE',
  'INTERNAL',
  'TIMED_OUT',
  'WORKER_LOST',
]

/** Whether trying again is worth while. */
export function mayPass({ code, retryable }: { readonly code: string; readonly retryable: boolean }): boolean {
  return retryable || passing.includes(code)
}
