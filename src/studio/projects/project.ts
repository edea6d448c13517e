import type { FailureState } from '../../engine.ts'

/** The projects available without a model: built-in pages, filled with a document or a quiz. */
export type ProjectTemplate = 'READING_PAGE' | 'QUIZ_PAGE' | 'FLASH_CARDS'

/** The state of a project: its first files are being written, it can be edited and viewed, or it has none. */
type ProjectStatus = 'GENERATING' | 'READY' | 'FAILED'

/** A small static web project. */
export interface Project {
  readonly id: string
  readonly owner: string
  readonly title: string
  readonly prompt: string
  /** null when a model decides. */
  readonly template: ProjectTemplate | null
  /** null when it was created without a document, or the document was deleted. */
  readonly documentId: string | null
  readonly quizId: string | null
  readonly status: ProjectStatus
  /** A sentence that the requester should know. */
  readonly note: string | null
  readonly error: FailureState | null
  /** Incremented by each change of its files; 0 before the first. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** An uploaded file. */
export interface FileInput {
  readonly path: string
  readonly content: string
}

/** A file of a project. */
export interface ProjectFile extends FileInput {
  readonly projectId: string
  /** Size of the content in UTF-8. */
  readonly sizeBytes: number
  readonly updatedAt: Date
}

/** A problem in a file. */
export interface FileProblem {
  readonly path: string
  /** From 1; null when the problem concerns the whole file. */
  readonly line: number | null
  /** From 1; null when the problem concerns the whole line. */
  readonly column: number | null
  readonly message: string
}

/** The page that a preview opens. */
export const entryPath = 'index.html'

/** Size limits of a project. */
export const projectLimits = {
  maxFiles: 100,
  maxFileBytes: 262_144,
  maxTotalBytes: 524_288,
  maxPathCharacters: 200,
  maxSegmentBytes: 100,
  maxDepth: 8,
  /** Length of the prompt. */
  maxPromptCharacters: 4_000,
} as const

/** Formats a problem in one line: `app.js:3:7: Unexpected token`. */
export function describeProblem({ path, line, column, message }: FileProblem): string {
  // A problem of the project as a whole, such as the number of its files.
  if (path === '') return message
  return `${path}${line === null ? '' : `:${line}`}${line === null || column === null ? '' : `:${column}`}: ${message}`
}
