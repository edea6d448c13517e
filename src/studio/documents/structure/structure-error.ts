/** Why a document cannot be read; stable, part of the API. */
export type DocumentErrorCode = keyof typeof adviceByCode

const adviceByCode = {
  UNSUPPORTED_FORMAT: 'Save the document as PDF, DOCX, HTML, Markdown or plain text and import that file.',
  EMPTY_DOCUMENT: 'Choose a file that contains text.',
  BAD_ENCODING: 'Save the document as UTF-8 and import it again.',
  TOO_LARGE: 'Split the document and import its parts one by one.',
  NO_TEXT: 'Choose a document with sentences; pictures, rules and settings alone give nothing to learn from.',
  NO_TEXT_LAYER: 'Run text recognition (OCR) over it, save the result as PDF and import that file.',
  ENCRYPTED: 'Save a copy without a password and import that file.',
  DAMAGED: 'Open the document in the program it was made with, save it anew and import that file.',
  TOO_MANY_PAGES: 'Split the document and import its parts one by one.',
  EXPANDS_TOO_MUCH: 'Open the document in a word processor, save it anew as DOCX and import that file.',
  FORBIDDEN_XML: 'Open the document in a word processor, save it anew as DOCX and import that file.',
  HAS_MACROS: 'Save the document as DOCX, which holds no macros, and import that file.',
  TOO_COMPLEX: 'Split the document, or save it as plain text, and import that.',
  UNREADABLE: 'Open the document in the program it was made with, save it anew and import that file.',
} as const

/**
 * A document that cannot be read. Reading the same bytes again fails in the same way, so it is
 * never retryable. The message names the problem; `advice` is a remedy for the user.
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
