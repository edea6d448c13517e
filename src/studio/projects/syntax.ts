import { endingOf } from './file-names.ts'
import type { FileInput, FileProblem } from './project.ts'
import { checkPage } from './syntax-page.ts'
import { checkJson, checkScript } from './syntax-script.ts'
import { checkStyle } from './syntax-style.ts'

/**
 * Checks a file's content by its type. Files are untrusted, so this may take long or exhaust
 * memory: see `checker.ts`.
 *
 * @param paths - all files of the project, which pages may reference
 */
export function checkSyntax({ path, content }: FileInput, paths: ReadonlySet<string>): FileProblem[] {
  // The byte order mark that editors on Windows add; browsers skip it.
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
