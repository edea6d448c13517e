import type { FailureState } from '../../tasks/task.ts'

/** What a project can be made from without a model: pages of ours, filled with a document or a quiz. */
export type ProjectTemplate = 'READING_PAGE' | 'QUIZ_PAGE' | 'FLASH_CARDS'

/** Where a project is: its first files are being written, it can be edited and looked at, or it has none. */
export type ProjectStatus = 'GENERATING' | 'READY' | 'FAILED'

/** A small static web project. */
export interface Project {
  readonly id: string
  readonly owner: string
  readonly title: string
  readonly prompt: string
  /** null when a model decides what to write. */
  readonly template: ProjectTemplate | null
  /** null when it was made without one, or the document was deleted since. */
  readonly documentId: string | null
  readonly quizId: string | null
  readonly status: ProjectStatus
  /** What whoever asked for it should know, as a sentence. */
  readonly note: string | null
  readonly error: FailureState | null
  /** Raised by each change of its files; 0 before the first. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A file as somebody hands it in. */
export interface FileInput {
  readonly path: string
  readonly content: string
}

/** A file of a project. */
export interface ProjectFile extends FileInput {
  readonly projectId: string
  /** Of the content in UTF-8. */
  readonly sizeBytes: number
  readonly updatedAt: Date
}

/** What is wrong with a file. */
export interface FileProblem {
  readonly path: string
  /** 1 for the first; null when it is about the file as a whole. */
  readonly line: number | null
  /** 1 for the first character; null when it is about the line as a whole. */
  readonly column: number | null
  readonly message: string
}

/** The page that a preview begins with. */
export const entryPath = 'index.html'

/** How large a project may be. */
export const projectLimits = {
  maxFiles: 100,
  maxFileBytes: 262_144,
  maxTotalBytes: 524_288,
  maxPathCharacters: 200,
  maxSegmentBytes: 100,
  maxDepth: 8,
  /** Of the prompt. */
  maxPromptCharacters: 4_000,
} as const

/** A problem in one line: `app.js:3:7: Unexpected token`. */
export function describeProblem({ path, line, column, message }: FileProblem): string {
  return `${path}${line === null ? '' : `:${line}`}${line === null || column === null ? '' : `:${column}`}: ${message}`
}
