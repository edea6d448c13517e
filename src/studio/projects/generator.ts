import type { ContentError } from '../content/provider.ts'
import type { Question } from '../content/question.ts'
import type { FileInput, ProjectTemplate } from './project.ts'

/** What a project is made from. */
export interface Material {
  readonly title: string
  /** The document's, in order; empty without a document. Bodies are Markdown. */
  readonly sections: readonly {
    readonly key: string
    readonly level: number
    readonly heading: string
    readonly body: string
  }[]
  /** The quiz's, or those made for this project; empty when none are needed. */
  readonly questions: readonly Question[]
}

/** Which project to make. */
export interface GenerateRequest {
  readonly prompt: string
  /** null leaves it to the generator. */
  readonly template: ProjectTemplate | null
  readonly material: Material
  /** Another seed may give another project. */
  readonly seed: number
  readonly signal: AbortSignal
}

/** What a generator tells: a file begins, goes on, is as it will be; or everything up to here was not good enough. */
export type GeneratorReport =
  /** Which files there will be, where that is known beforehand. */
  | { readonly is: 'files'; readonly paths: readonly string[] }
  /** `stream` names this writing of the file, as it may be written again. */
  | { readonly is: 'file'; readonly path: string; readonly stream: string }
  /** `percent` of the file, where that is known. */
  | { readonly is: 'text'; readonly stream: string; readonly text: string; readonly percent?: number }
  | { readonly is: 'done'; readonly file: FileInput }
  | { readonly is: 'note'; readonly message: string }

/**
 * Where the files of a project come from.
 *
 * An implementer owes: files that `sortFiles` and a `Checker` find nothing wrong with, each told `done` once; text as it is
 * made; failures as {@link ContentError}; an end at once when the signal aborts or the loop is left.
 */
export interface ProjectGenerator {
  readonly name: string
  generate(request: GenerateRequest): AsyncIterable<GeneratorReport>
}
