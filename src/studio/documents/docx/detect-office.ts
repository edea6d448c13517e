import { DocumentError } from '../structure/structure-error.ts'
import { expandEntry, readZipDirectory } from './zip.ts'

const readable = 'PDF, DOCX, HTML, Markdown and plain text are read'

/** Kinds of archives, recognised by a file in them. */
const archives: readonly { readonly holds: RegExp; readonly name: string }[] = [
  { holds: /^xl\//, name: 'an Excel workbook' },
  { holds: /^ppt\//, name: 'a PowerPoint presentation' },
  { holds: /^META-INF\/container\.xml$/, name: 'an EPUB' },
  { holds: /^content\.xml$/, name: 'an OpenDocument file' },
]

/**
 * Checks that a ZIP archive is a Word document.
 * @throws DocumentError `DAMAGED` when it is truncated, `HAS_MACROS`, `ENCRYPTED`,
 * `UNSUPPORTED_FORMAT`
 */
export function requireDocx(bytes: Uint8Array): 'DOCX' {
  const entries = readZipDirectory(bytes)
  if (entries === null)
    throw new DocumentError(
      'DAMAGED',
      'The document is an archive that ends in the middle or is damaged: its directory is missing',
      'The upload may have been cut off, or the file itself is incomplete: import it again from where it is whole.',
    )
  const holds = (pattern: RegExp): boolean => entries.some(({ name }) => pattern.test(name))
  // The main part is named by a relationship and may be anywhere; its type is listed.
  const types = entries.find(({ name, expandedBytes }) => name === '[Content_Types].xml' && expandedBytes < 1_048_576)
  const isWord = (): boolean =>
    types !== undefined &&
    Buffer.from(expandEntry(bytes, types, 1_048_576)).includes('wordprocessingml.document.main+xml')
  if (holds(/^word\//i) || isWord()) {
    if (entries.some(({ isEncrypted }) => isEncrypted))
      throw new DocumentError('ENCRYPTED', 'The Word document is protected by a password')
    if (holds(/(^|\/)vbaProject\.bin$/i))
      throw new DocumentError('HAS_MACROS', 'The Word document holds macros (programs that run when it is opened)')
    return 'DOCX'
  }
  const name = archives.find((archive) => holds(archive.holds))?.name ?? 'a ZIP archive'
  throw new DocumentError('UNSUPPORTED_FORMAT', `The document is ${name}; ${readable}`)
}

/**
 * Rejects a compound file with the specific reason: old Office documents, and new ones with a
 * password, are compound files.
 * @throws DocumentError always
 */
export function refuseCompoundFile(bytes: Uint8Array): never {
  // Names of streams are UTF-16; only the beginning and the end are searched, where writers put the
  // directory.
  const text = Buffer.concat([bytes.subarray(0, 131_072), bytes.subarray(-131_072)]).toString('latin1')
  if (text.includes([...'EncryptedPackage'].join('\0')))
    throw new DocumentError('ENCRYPTED', 'The Office document is protected by a password')
  throw new DocumentError(
    'UNSUPPORTED_FORMAT',
    `The document is an old Word, Excel or PowerPoint file; ${readable}`,
    'Open it in a word processor, save it as DOCX and import that file.',
  )
}
