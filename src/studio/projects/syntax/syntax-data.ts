import type { FileProblem } from '../project.ts'
import { createLocator } from './syntax-locator.ts'

/** More problems are not useful at once. */
const maxProblems = 20

const name = `[^\\s<>/="'&?!]+`
const attribute = `\\s+${name}\\s*=\\s*(?:"[^"<]*"|'[^'<]*')`
/** One piece of an XML document: markup without content, an end tag, a start tag, or text. */
const piece = new RegExp(
  [
    '<!--[\\s\\S]*?-->|<\\?[\\s\\S]*?\\?>|(?<cdata><!\\[CDATA\\[[\\s\\S]*?\\]\\]>)',
    `(?<doctype><!DOCTYPE(?:[^[>"']|"[^"]*"|'[^']*')*(?:\\[[\\s\\S]*?\\]\\s*)?>)`,
    `</(?<end>${name})\\s*>`,
    `<(?<start>${name})(?<attributes>(?:${attribute})*)\\s*(?<empty>/?)>`,
    '(?<text>[^<]+)',
  ].join('|'),
  'gy',
)
const attributeName = new RegExp(`(${name})\\s*=\\s*(?:"[^"]*"|'[^']*')`, 'g')
const badReference = /&(?!(?:#\d+|#x[\da-f]+|amp|lt|gt|quot|apos);)/i

/**
 * Checks whether an SVG image is well-formed XML with the root `svg`: a browser shows nothing of one
 * that is not. Reports the first problem.
 */
export function checkSvg(path: string, text: string): FileProblem[] {
  const at = createLocator(path, text)
  const open: { readonly tag: string; readonly offset: number }[] = []
  let hasRoot = false
  let hasEntities = false
  piece.lastIndex = 0
  for (let offset = 0; offset < text.length; offset = piece.lastIndex) {
    const groups = piece.exec(text)?.groups
    if (groups === undefined) return [at(offset, 'is not well-formed: this tag, comment or attribute is malformed')]
    const { cdata, doctype, end, start, attributes = '', empty, text: content } = groups
    hasEntities ||= doctype?.includes('<!ENTITY') === true
    const reference = hasEntities ? null : badReference.exec(content ?? attributes)
    if (reference !== null)
      return [at(offset + reference.index, 'is not well-formed: “&” begins an unknown entity; write &amp;')]
    if (open.length === 0 && (cdata !== undefined || content?.trim()))
      return [at(offset, 'is not well-formed: there is text outside of the root element')]
    if (end !== undefined) {
      const last = open.pop()
      if (last?.tag !== end) return [at(offset, `</${end}> closes nothing${last ? `; <${last.tag}> is open` : ''}`)]
    }
    if (start === undefined) continue
    const names = [...attributes.matchAll(attributeName)].map(([, key]) => key)
    const repeatedName = names.find((key, index) => names.indexOf(key) !== index)
    if (repeatedName !== undefined) return [at(offset, `<${start}> has the attribute “${repeatedName}” twice`)]
    if (open.length === 0 && hasRoot) return [at(offset, `<${start}> is a second root element`)]
    if (open.length === 0 && start.replace(/^.*:/, '') !== 'svg')
      return [at(offset, `The root element is <${start}>, not <svg>`)]
    hasRoot = true
    if (empty === '') open.push({ tag: start, offset })
  }
  const unclosedName = open.at(-1)
  if (unclosedName !== undefined) return [at(unclosedName.offset, `<${unclosedName.tag}> is never closed`)]
  return hasRoot ? [] : [at(0, 'has no <svg> element')]
}

/**
 * Checks comma-separated values (RFC 4180; also with semicolons or tabs): quotes are closed, and all
 * rows have as many values as the first.
 */
export function checkCsv(path: string, text: string): FileProblem[] {
  const at = createLocator(path, text)
  const problems: FileProblem[] = []
  const [first = ''] = text.split('\n', 1)
  const count = (sign: string): number => first.split(sign).length
  const separator = [',', ';', '\t'].reduce((best, sign) => (count(sign) > count(best) ? sign : best))
  let expected: number | undefined
  let rowStart = 0
  let values = 1
  const endRow = (end: number): void => {
    const isBlank = text.slice(rowStart, end).trim() === ''
    if (!isBlank) {
      expected ??= values
      if (values !== expected)
        problems.push(at(rowStart, `has ${values} values in this row; the first row has ${expected}`))
    }
    rowStart = end + 1
    values = 1
  }
  for (let offset = 0; offset < text.length && problems.length < maxProblems; offset++) {
    const isAtStart = offset === rowStart || text[offset - 1] === separator
    if (text[offset] === '"' && isAtStart) {
      const begin = offset
      do {
        offset = text.indexOf('"', offset + 1)
        if (offset === -1) return [...problems, at(begin, 'has a quotation mark that is never closed')]
        // Two stand for one.
      } while (text[offset + 1] === '"' && offset++ > 0)
      const next = text[offset + 1]
      if (next !== undefined && next !== separator && next !== '\n' && next !== '\r')
        return [...problems, at(offset + 1, 'has text after a closing quotation mark')]
    } else if (text[offset] === separator) values++
    else if (text[offset] === '\n') endRow(offset)
  }
  if (problems.length < maxProblems) endRow(text.length)
  return problems
}
