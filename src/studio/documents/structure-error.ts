/** Why a document cannot be read; stable, part of the API. */
export type DocumentErrorCode = 'UNSUPPORTED_FORMAT' | 'EMPTY_DOCUMENT' | 'BAD_ENCODING' | 'TOO_LARGE' | 'NO_TEXT'

const adviceByCode: Readonly<Record<DocumentErrorCode, string>> = {
  UNSUPPORTED_FORMAT: 'Save the document as Markdown or plain text and import that file.',
  EMPTY_DOCUMENT: 'Choose a file that contains text.',
  BAD_ENCODING: 'Save the document as UTF-8 and import it again.',
  TOO_LARGE: 'Split the document and import its parts one by one.',
  NO_TEXT: 'Choose a document with sentences; pictures, rules and settings alone give nothing to learn from.',
}

/**
 * A document that cannot be read. Reading the same bytes again fails in the same way, so it is never retryable.
 * The message names what was found, `advice` says what the person who brought the document can do.
 */
export class DocumentError extends Error {
  override readonly name = 'DocumentError'
  readonly code: DocumentErrorCode
  readonly advice: string
  readonly retryable = false

  constructor(code: DocumentErrorCode, message: string, advice: string = adviceByCode[code]) {
    super(message)
    this.code = code
    this.advice = advice
  }
}
