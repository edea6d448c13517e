import { endingOf } from '../file-names.ts'
import type { FileInput, FileProblem } from '../project.ts'
import { checkCsv, checkSvg } from './syntax-data.ts'
import { checkPage } from './syntax-page.ts'
import { checkJson, checkScript } from './syntax-script.ts'
import { checkStyle } from './syntax-style.ts'

/**
 * Checks a file's content by its type. Files are untrusted, so this may take long or exhaust
 * memory: see `checker.ts`.
 *
 * @param paths - all files of the project, which files may reference
 * @param modules - the scripts found to be valid only as modules, to which this one is added: a page
 *   must not load them in any other way
 */
export function checkSyntax(
  { path, content }: FileInput,
  paths: ReadonlySet<string>,
  modules: Set<string> = new Set(),
): FileProblem[] {
  // The byte order mark that editors on Windows add; browsers skip it.
  const text = content.replace(/^\ufeff/, '')
  switch (endingOf(path)) {
    case 'html':
      return checkPage(path, text, { paths, modules })
    case 'css':
      return checkStyle(path, text, paths)
    case 'js':
      return checkScript(path, text, { goal: undefined, paths, onModule: () => modules.add(path) })
    case 'mjs':
      return checkScript(path, text, { goal: 'module', paths, onModule: () => modules.add(path) })
    case 'json':
      return checkJson(path, text)
    case 'svg':
      return checkSvg(path, text)
    case 'csv':
      return checkCsv(path, text)
    default:
      return []
  }
}
