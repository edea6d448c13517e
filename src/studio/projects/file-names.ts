import { projectLimits } from './project.ts'

/** Allowed file types: text that a browser reads, by file extension. */
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

/** Returns the media type of a file, by its extension; undefined for a type that is not allowed. */
export function typeOf(path: string): string | undefined {
  return types[endingOf(path)]
}

/** Returns the extension of a name without its dot, in lower case; empty when there is none. */
export function endingOf(path: string): string {
  return /[^/]\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''
}

/**
 * Names that Windows reserves for devices, regardless of the extension: a project may be downloaded
 * to any machine. The digits include the superscript ones, which Windows treats as digits too.
 */
const reserved = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)$/i
/**
 * An allow list. All other characters are rejected: control and format characters, quotes,
 * `\ : * ? " < > | % # & ;` and characters added to Unicode later.
 */
const allowedCharacters = /^[\p{L}\p{M}\p{N} ._@+=,()!~$-]+$/u

/**
 * Normalises a name for storage and comparison: to Unicode's composed form, as keyboards and file
 * systems differ.
 */
export function normalizePath(path: string): string {
  return path.normalize('NFC')
}

/**
 * Returns a key that is equal for names that denote the same file on systems that ignore case or
 * compatibility forms.
 */
export function keyOfPath(path: string): string {
  return path.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}

/** Returns the problem with a name, as a message for the user; null when the name is valid. */
export function refusePath(rawPath: string): string | null {
  const { maxPathCharacters, maxDepth } = projectLimits
  if (rawPath === '') return 'a file needs a name'
  if (!rawPath.isWellFormed()) return 'the name holds half a character'
  const path = normalizePath(rawPath)
  if (path.length > maxPathCharacters)
    return `the name has ${path.length} characters; at most ${maxPathCharacters} are allowed`
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(path)) return 'the name holds control or invisible characters'
  if (path.includes('\\')) return 'folders are separated by /, not by \\'
  if (path.startsWith('/') || /^[a-z]:/i.test(path) || path.startsWith('~'))
    return 'the name has to be relative to the project'
  const segments = path.split('/')
  if (segments.length > maxDepth) return `the file lies in ${segments.length - 1} folders; at most ${maxDepth - 1}`
  for (const segment of segments) {
    // Compatibility forms, such as a full-width dot or letter, are also checked in the form to
    // which some systems normalise them.
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

/** Makes an untrusted name safe to show in a message. */
export function printable(name: string): string {
  const plain = name.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
  return plain.length > 80 ? `${plain.slice(0, 79).toWellFormed()}…` : plain
}
