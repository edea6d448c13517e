import type { ErrorCatalogue } from '../engine.ts'
import type { ContentErrorCode } from './content/provider.ts'
import type { DocumentErrorCode } from './documents/structure/structure-error.ts'

const ocr = 'Run text recognition (OCR) over it and import the result.'
const saveAgain = 'Open it in the program it was made with, save it again and import that file.'
const split = 'Split it and import the parts.'
const wait = 'Nothing: the task is retried.'
const deletedAdvice = 'Nothing: what the task worked on was deleted.'

const documentErrors = {
  UNSUPPORTED_FORMAT: {
    retryable: false,
    when: 'The file is none of the supported formats.',
    advice: 'Save it as PDF, DOCX, HTML, Markdown or text.',
  },
  EMPTY_DOCUMENT: {
    retryable: false,
    when: 'The document has no content.',
    advice: 'Choose a file that contains text.',
  },
  BAD_ENCODING: { retryable: false, when: 'The text is not in a known encoding.', advice: 'Save it as UTF-8.' },
  TOO_LARGE: { retryable: false, when: 'The document exceeds a limit.', advice: split },
  NO_TEXT: { retryable: false, when: 'The document has no sentences.', advice: 'Choose a document with sentences.' },
  NO_TEXT_LAYER: { retryable: false, when: 'The PDF consists of images.', advice: ocr },
  ENCRYPTED: { retryable: false, when: 'The document needs a password.', advice: 'Save a copy without a password.' },
  DAMAGED: { retryable: false, when: 'The file is damaged.', advice: saveAgain },
  TOO_MANY_PAGES: { retryable: false, when: 'The document has too many pages.', advice: split },
  EXPANDS_TOO_MUCH: {
    retryable: false,
    when: 'The archive expands to more than the limit.',
    advice: 'Save it again as DOCX.',
  },
  FORBIDDEN_XML: { retryable: false, when: 'The file declares XML entities.', advice: 'Save it again as DOCX.' },
  HAS_MACROS: { retryable: false, when: 'The file contains macros.', advice: 'Save it as DOCX.' },
  TOO_COMPLEX: {
    retryable: false,
    when: 'The structure is nested too deeply or too large, or processing the text took more time or memory than allowed.',
    advice: split,
  },
  UNREADABLE: { retryable: false, when: 'The file cannot be read.', advice: saveAgain },
} as const satisfies Record<DocumentErrorCode, ErrorCatalogue[string]>

const contentErrors = {
  NOT_ENOUGH_TEXT: {
    retryable: false,
    when: 'The text is too short to make something of it.',
    advice: 'Choose a longer text.',
  },
  PROVIDER_REFUSED: {
    retryable: false,
    when: 'The provider does not accept the request: key, quota, model or address.',
    advice: 'Check `OPENAI_API_KEY`, `OPENAI_MODEL` and `OPENAI_BASE_URL`.',
  },
  PROVIDER_BUSY: { retryable: true, when: 'The provider answers 429.', advice: wait },
  PROVIDER_UNAVAILABLE: {
    retryable: true,
    when: 'The provider cannot be reached, is silent or broke off.',
    advice: wait,
  },
  CONTENT_REFUSED: {
    retryable: false,
    when: 'The content filter of the provider refused.',
    advice: 'Change the text, or use another model.',
  },
  EMPTY_ANSWER: {
    retryable: false,
    when: 'The provider answered with nothing.',
    advice: 'Retry, or use another model.',
  },
  UNUSABLE_ANSWER: {
    retryable: false,
    when: 'The answer has problems that asking again did not correct.',
    advice: 'Ask for something smaller, or use another model.',
  },
  GENERATOR_UNAVAILABLE: {
    retryable: true,
    when: 'The process that generates content could not be started, or ended unexpectedly.',
    advice: wait,
  },
} as const satisfies Record<Exclude<ContentErrorCode, keyof typeof documentErrors>, ErrorCatalogue[string]>

/** Codes of `TaskError.code` that the applications of the Studio add to those of the engine. */
export const studioErrorCatalogue = {
  ...documentErrors,
  ...contentErrors,
  PAGE_UNREADABLE: {
    retryable: false,
    when: 'One page of a document could not be read; the others were.',
    advice: saveAgain,
  },
  CONVERTER_CRASHED: { retryable: true, when: 'The process that reads documents ended unexpectedly.', advice: wait },
  CONVERTER_UNAVAILABLE: {
    retryable: true,
    when: 'The process that reads documents could not be started.',
    advice: wait,
  },
  CANCELED: {
    retryable: false,
    when: 'The task of this document, quiz or project was canceled.',
    advice: 'Start it again.',
  },
  DOCUMENT_DELETED: { retryable: false, when: 'The document was deleted meanwhile.', advice: deletedAdvice },
  QUIZ_DELETED: { retryable: false, when: 'The quiz was deleted meanwhile.', advice: deletedAdvice },
  PROJECT_DELETED: { retryable: false, when: 'The project was deleted meanwhile.', advice: deletedAdvice },
  SESSION_DELETED: { retryable: false, when: 'The session was deleted meanwhile.', advice: deletedAdvice },
  SOURCE_DELETED: {
    retryable: false,
    when: 'What a project was to be made of was deleted, or is empty.',
    advice: 'Choose another source.',
  },
  NO_OTHER_QUESTION: {
    retryable: false,
    when: 'There is nothing else to ask about this text.',
    advice: 'Edit the question instead.',
  },
  INVALID_FILE: {
    retryable: false,
    when: 'A file of a project has problems.',
    advice: 'Correct the file; the problems name lines.',
  },
  INVALID_FILES: {
    retryable: false,
    when: 'Files of a project have problems.',
    advice: 'Correct the files; the problems name lines.',
  },
  NO_PAGE: {
    retryable: false,
    when: 'A project has no index.html, so there is no preview.',
    advice: 'Add index.html.',
  },
  SELF_TEST_FAILURE: { retryable: false, when: 'A task of the self-test failed on purpose.', advice: 'Nothing.' },
  SELF_TEST_RETRY: { retryable: true, when: 'A task of the self-test failed on purpose.', advice: wait },
} as const satisfies ErrorCatalogue
