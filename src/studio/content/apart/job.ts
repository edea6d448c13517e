import type { ContentErrorCode } from '../provider.ts'

/** Work that runs in a generation process: one exported function of a module. */
export interface Job<Input, Part> {
  readonly module: string
  readonly name: string
  /** Exists for the types only. */
  readonly types?: (input: Input) => Part
}

type JobFunction = (input: never) => AsyncIterable<unknown>

/** What the parts of a job are, by the type of its function. */
type PartOf<F extends JobFunction> = ReturnType<F> extends AsyncIterable<infer Part> ? Part : never

/**
 * Describes a job: an exported generator function whose input and parts can be cloned
 * (`structuredClone`). The module is imported by the generation process, never by this one.
 *
 * @example
 * const outline = defineJob<typeof import('./jobs.ts'), 'outline'>(new URL('./jobs.ts', import.meta.url), 'outline')
 */
export function defineJob<Module extends Record<Name, JobFunction>, Name extends string & keyof Module>(
  module: URL,
  name: Name,
): Job<Parameters<Module[Name]>[0], PartOf<Module[Name]>> {
  return { module: module.href, name }
}

/** A message to a generation process. */
export interface JobRequest {
  readonly module: string
  readonly name: string
  readonly input: unknown
}

/** How a job ended. */
export type JobEnding =
  | { readonly is: 'end' }
  | {
      readonly is: 'refused'
      readonly code: ContentErrorCode
      readonly message: string
      readonly advice: string
      readonly retryable: boolean
    }
  | { readonly is: 'failed'; readonly message: string; readonly stack: string }

/** A message from a generation process. `memoryBytes` is the memory that the process has at the end of the job. */
export type JobMessage =
  | { readonly is: 'part'; readonly part: unknown }
  | (JobEnding & { readonly memoryBytes: number })
