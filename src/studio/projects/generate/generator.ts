import type { ContentError } from '../../content/provider.ts'
import type { Question } from '../../content/question.ts'
import type { FileInput, ProjectTemplate } from '../project.ts'

/** The source material of a project. */
export interface Material {
  readonly title: string
  /** The document's sections, in order; empty without a document. Bodies are Markdown. */
  readonly sections: readonly {
    readonly key: string
    readonly level: number
    readonly heading: string
    readonly body: string
  }[]
  /** The quiz's questions, or those created for this project; empty when none are needed. */
  readonly questions: readonly Question[]
}

/** The project to generate. */
export interface GenerateRequest {
  readonly prompt: string
  /** null lets the generator choose. */
  readonly template: ProjectTemplate | null
  readonly material: Material
  /** A different seed may give a different project. */
  readonly seed: number
  readonly signal: AbortSignal
}

/**
 * A report of a generator: a file starts, grows or is final; or a note that the output so far was
 * rejected.
 */
export type GeneratorReport =
  /** The expected files, when known in advance. */
  | { readonly is: 'files'; readonly paths: readonly string[] }
  /** `stream` identifies this version of the file, as it may be written again. */
  | { readonly is: 'file'; readonly path: string; readonly stream: string }
  /** `percent` of the file, when known. */
  | { readonly is: 'text'; readonly stream: string; readonly text: string; readonly percent?: number }
  | { readonly is: 'done'; readonly file: FileInput }
  | { readonly is: 'note'; readonly message: string }

/**
 * The source of a project's files.
 *
 * An implementer guarantees: files in which `sortFiles` and a `Checker` find no problems, each
 * reported `done` once; text as it is generated; failures as {@link ContentError}; an immediate end
 * when the signal aborts or the loop is left.
 */
export interface ProjectGenerator {
  readonly name: string
  generate(request: GenerateRequest): AsyncIterable<GeneratorReport>
}
