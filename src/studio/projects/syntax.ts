import { endingOf } from './file-names.ts'
import type { FileInput, FileProblem } from './project.ts'
import { checkPage } from './syntax-page.ts'
import { checkJson, checkScript } from './syntax-script.ts'
import { checkStyle } from './syntax-style.ts'

/**
 * What is wrong with a file's content, by its kind. Files are as their author likes them, so this may take long or all memory:
 * see `checker.ts`.
 *
 * @param paths - all files of the project, which pages refer to
 */
export function checkSyntax({ path, content }: FileInput, paths: ReadonlySet<string>): FileProblem[] {
  // The mark that editors on Windows put in front; browsers skip it.
  const text = content.replace(/^\ufeff/, '')
  switch (endingOf(path)) {
    case 'html':
      return checkPage(path, text, paths)
    case 'css':
      return checkStyle(path, text)
    case 'js':
      return checkScript(path, text, undefined)
    case 'mjs':
      return checkScript(path, text, 'module')
    case 'json':
      return checkJson(path, text)
    default:
      return []
  }
}
