import type { FileProblem } from '../project.ts'

/**
 * Creates a function that describes a problem at an offset of a text. It reads the text up to
 * there: to be called for problems only.
 */
export function createLocator(path: string, text: string): (offset: number, message: string) => FileProblem {
  return (offset, message) => {
    const before = text.slice(0, offset).split('\n')
    return { path, line: before.length, column: (before.at(-1)?.length ?? 0) + 1, message }
  }
}
