import { projectLimits } from './project.ts'

/** What files may be: text that a browser reads, by the end of the name. */
const types: Readonly<Record<string, string>> = {
  html: 'text/html',
  css: 'text/css',
  js: 'text/javascript',
  mjs: 'text/javascript',
  json: 'application/json',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
}
const allowedEndings = Object.keys(types).map((ending) => `.${ending}`)

/** The media type of a file, by the end of its name; undefined for one that no project may have. */
export function typeOf(path: string): string | undefined {
  return types[endingOf(path)]
}

/** The end of a name without its dot, in lower case; empty when there is none. */
export function endingOf(path: string): string {
  return /[^/]\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''
}

/**
 * Names that Windows keeps for devices, whatever follows the first dot: a project is downloaded to any machine. The digits
 * include the superscript ones, which Windows takes for digits too.
 */
const reserved = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)$/i
/** What is not named here is refused: control and format characters, quotes, `\ : * ? " < > | % # & ;` and all that is to come. */
const allowedCharacters = /^[\p{L}\p{M}\p{N} ._@+=,()!~$-]+$/u

/**
 * The name as it is stored and compared: in Unicode's composed form, which keyboards and file systems disagree about.
 */
export function normalizePath(path: string): string {
  return path.normalize('NFC')
}

/** Names with the same key are the same file on systems that ignore case or compatibility forms. */
export function keyOfPath(path: string): string {
  return path.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}

/** What is wrong with a name, in words for the person who gave it; null when nothing is. */
export function refusePath(given: string): string | null {
  const { maxPathCharacters, maxDepth } = projectLimits
  if (given === '') return 'a file needs a name'
  if (!given.isWellFormed()) return 'the name holds half a character'
  const path = normalizePath(given)
  if (path.length > maxPathCharacters)
    return `the name has ${path.length} characters; at most ${maxPathCharacters} are allowed`
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(path)) return 'the name holds control or invisible characters'
  if (path.includes('\\')) return 'folders are separated by /, not by \\'
  if (path.startsWith('/') || /^[a-z]:/i.test(path) || path.startsWith('~'))
    return 'the name has to be relative to the project'
  const segments = path.split('/')
  if (segments.length > maxDepth) return `the file lies in ${segments.length - 1} folders; at most ${maxDepth - 1}`
  for (const segment of segments) {
    // Compatibility forms, such as a full-width dot or letter, are judged by what some systems make of them.
    const problem = refuseSegment(segment) ?? refuseSegment(segment.normalize('NFKC'))
    if (problem !== null) return problem
  }
  if (typeOf(path) === undefined)
    return `only files ending in ${allowedEndings.slice(0, -1).join(', ')} or ${allowedEndings.at(-1)} are taken`
  return null
}

function refuseSegment(segment: string): string | null {
  const { maxSegmentBytes } = projectLimits
  if (segment === '') return 'a folder or the file has no name'
  if (segment === '.' || segment === '..') return 'the name must not lead to another folder with . or ..'
  if (segment.startsWith('.')) return `“${segment}” begins with a dot, and would be hidden`
  if (segment.startsWith(' ') || /[ .]$/.test(segment))
    return `“${segment}” begins or ends with a space, or ends in a dot`
  if (!allowedCharacters.test(segment))
    return `“${printable(segment)}” holds characters that are not allowed in names; letters, digits, spaces and . _ - @ + = , ( ) ! ~ $ are`
  const [stem = ''] = segment.split('.')
  if (reserved.test(stem.trim())) return `“${segment}” is a name that Windows keeps for a device`
  if (Buffer.byteLength(segment) > maxSegmentBytes)
    return `“${segment.slice(0, 20)}…” is longer than ${maxSegmentBytes} bytes`
  return null
}

/** A name from outside, such as it can be shown in a message. */
export function printable(name: string): string {
  const plain = name.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
  return plain.length > 80 ? `${plain.slice(0, 79).toWellFormed()}…` : plain
}
