import mammoth from 'mammoth'
import { DocumentError } from '../structure/structure-error.ts'
import { chunkMark, type DocxParts, type PreparedDocx } from './docx-parts.ts'
import { expandEntry, readZipDirectory } from './zip.ts'

/** Limits of an archive's content. */
export interface ArchiveLimits {
  readonly maxEntries: number
  /** Total over all entries. */
  readonly maxExpandedBytes: number
  /** Ratio of total expanded to total compressed size; not applied to small archives. */
  readonly maxRatio: number
}

/** Below this size the expansion ratio is not limited. */
const harmlessBytes = 16_777_216

/** Mammoth maps heading styles itself; these are added. */
const styleMap = [
  "p[style-name='Title'] => h1:fresh",
  "p[style-name='Subtitle'] => p:fresh",
  "p[style-name='Quote'] => blockquote:fresh",
  "p[style-name='Intense Quote'] => blockquote:fresh",
  "p[style-name='HTML Preformatted'] => pre:separator('\\n')",
  'u => u',
  "br[type='page'] => hr:fresh",
]

/**
 * Expands every part of a Word document once, within limits, before any library does: the sizes
 * declared by the archive are not trusted.
 *
 * @param report - receives the processed and the total bytes of the archive
 * @returns the parts that are read: XML, HTML and text
 * @throws DocumentError `EXPANDS_TOO_MUCH`, `FORBIDDEN_XML`, `HAS_MACROS`, `DAMAGED`
 */
export function checkArchive(
  bytes: Uint8Array,
  { maxEntries, maxExpandedBytes, maxRatio }: ArchiveLimits,
  report: (done: number, total: number) => void,
): DocxParts {
  const entries = readZipDirectory(bytes)
  if (entries === null) throw new DocumentError('DAMAGED', 'The Word document is damaged: it is no whole archive')
  if (entries.length > maxEntries)
    throw new DocumentError(
      'EXPANDS_TOO_MUCH',
      `The Word document has ${entries.length} parts; at most ${maxEntries} are read`,
    )
  const total = entries.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0)
  let done = 0
  let expandedBytes = 0
  const parts = new Map<string, Uint8Array>()
  for (const entry of entries) {
    const part = expandEntry(bytes, entry, maxExpandedBytes - expandedBytes)
    expandedBytes += part.length
    done += entry.compressedBytes
    if (expandedBytes > harmlessBytes && expandedBytes > maxRatio * done)
      throw new DocumentError(
        'EXPANDS_TOO_MUCH',
        `The Word document is an archive of ${bytes.length} bytes that expands to more than ${expandedBytes}`,
      )
    if (/\.(xml|rels)$/i.test(entry.name)) checkXml(entry.name, part)
    if (/\.(xml|rels|x?html?|txt)$/i.test(entry.name)) parts.set(entry.name, part)
    report(done, total)
  }
  return parts
}

function checkXml(name: string, part: Uint8Array): void {
  const xml = Buffer.from(part.buffer, part.byteOffset, part.length)
  const isWide = xml.length > 1 && (xml[0] === 0 || xml[1] === 0 || xml[0] === 0xff || xml[0] === 0xfe)
  const holds = (text: string): boolean =>
    xml.includes(text) || (isWide && (xml.includes(text, 0, 'utf16le') || swapped(xml).includes(text, 0, 'utf16le')))
  if (holds('<!DOCTYPE') || holds('<!ENTITY'))
    throw new DocumentError(
      'FORBIDDEN_XML',
      `The Word document declares XML entities in ${JSON.stringify(name)}; no word processor does, and they can be made to expand without end`,
    )
  if (name === '[Content_Types].xml' && holds('macroEnabled'))
    throw new DocumentError('HAS_MACROS', 'The Word document is one for macros (programs that run when it is opened)')
}

function swapped(xml: Buffer): Buffer {
  return Buffer.from(xml.subarray(0, xml.length & ~1)).swap16()
}

/**
 * Converts a Word document to HTML, with headings by their styles; pictures are neither read nor
 * kept.
 *
 * @returns HTML, and omissions as sentences
 * @throws DocumentError `DAMAGED`
 */
export async function docxToHtml({
  archive,
  chunks,
  notes,
}: PreparedDocx): Promise<{ readonly html: string; readonly notes: readonly string[] }> {
  try {
    const { value, messages } = await mammoth.convertToHtml(
      { buffer: archive },
      {
        styleMap,
        includeEmbeddedStyleMap: false,
        externalFileAccess: false,
        convertImage: mammoth.images.imgElement(async () => ({ src: 'left-out:' })),
      },
    )
    const pattern = new RegExp(`<p>${chunkMark}(\\d+)${chunkMark}</p>`, 'g')
    const html = value.replace(pattern, (_, index: string) => chunks[Number(index)] ?? '')
    return { html, notes: [...notes, ...sayIgnored(messages)] }
  } catch (error) {
    if (error instanceof RangeError) throw error
    throw new DocumentError('DAMAGED', 'The Word document is damaged: it cannot be read')
  }
}

/** A note on the elements that the reader does not know; empty when there were none. */
function sayIgnored(messages: readonly { readonly message: string }[]): string[] {
  const names = new Set(
    messages.flatMap(({ message }) => /^An unrecognised element was ignored: (\S+)$/.exec(message)?.[1] ?? []),
  )
  if (names.size === 0) return []
  return [`Parts of the Word document of these kinds were left out: ${[...names].slice(0, 10).join(', ')}.`]
}
