import { crc32, inflateRawSync } from 'node:zlib'
import { DocumentError } from '../structure/structure-error.ts'

/** A file in a ZIP archive, as listed in the archive's directory. */
interface ZipEntry {
  /** With `/` between folders, although some programs for Windows write `\\`. */
  readonly name: string
  readonly isEncrypted: boolean
  /** 0 stored, 8 deflated; others are not supported. */
  readonly method: number
  readonly compressedBytes: number
  /** As declared by the directory; not to be trusted when expanding the entry. */
  readonly expandedBytes: number
  /** Offset of its local header. */
  readonly offset: number
}

const endSignature = 0x06054b50
const entrySignature = 0x02014b50
const localSignature = 0x04034b50
/** The end record has 22 bytes and a comment of up to 65,535. */
const maxEndBytes = 22 + 65_535

const utf8 = new TextDecoder()

/**
 * Reads the directory of a ZIP archive: enough to identify an archive before any library processes
 * it. Neither expands anything nor allocates memory by declared sizes.
 *
 * @returns null when there is no directory, as in a truncated archive
 */
export function readZipDirectory(bytes: Uint8Array): readonly ZipEntry[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let end = bytes.length - 22
  const earliest = Math.max(0, bytes.length - maxEndBytes)
  while (end >= earliest && view.getUint32(end, true) !== endSignature) end -= 1
  if (end < earliest) return null
  const count = view.getUint16(end + 10, true)
  const start = end - view.getUint32(end + 12, true)
  // Data before the archive shifts all its offsets equally.
  const shift = start - view.getUint32(end + 16, true)
  const entries: ZipEntry[] = []
  let at = start
  for (let index = 0; index < count; index += 1) {
    if (at < 0 || at + 46 > end || view.getUint32(at, true) !== entrySignature) return null
    const nameBytes = view.getUint16(at + 28, true)
    const next = at + 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
    if (next > end) return null
    entries.push({
      name: utf8.decode(bytes.subarray(at + 46, at + 46 + nameBytes)).replaceAll('\\', '/'),
      isEncrypted: (view.getUint16(at + 8, true) & 1) === 1,
      method: view.getUint16(at + 10, true),
      compressedBytes: view.getUint32(at + 20, true),
      expandedBytes: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true) + shift,
    })
    at = next
  }
  return entries
}

/**
 * Expands one entry, to at most `maxBytes`.
 * @throws DocumentError `DAMAGED`, or `EXPANDS_TOO_MUCH` as soon as it exceeds `maxBytes`
 */
export function expandEntry(bytes: Uint8Array, entry: ZipEntry, maxBytes: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { offset, compressedBytes, method, name } = entry
  const damaged = (): DocumentError =>
    new DocumentError('DAMAGED', `The document is damaged: its part ${JSON.stringify(name)} cannot be read`)
  if (offset < 0 || offset + 30 > bytes.length || view.getUint32(offset, true) !== localSignature) throw damaged()
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true)
  const data = bytes.subarray(start, start + compressedBytes)
  if (data.length < compressedBytes || (method !== 0 && method !== 8)) throw damaged()
  const tooMuch = (): DocumentError =>
    new DocumentError(
      'EXPANDS_TOO_MUCH',
      `The document is an archive that expands beyond what a text needs: ${JSON.stringify(name)} alone to more than ${maxBytes} bytes`,
    )
  if (method === 0) {
    if (data.length > maxBytes) throw tooMuch()
    return data
  }
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, maxBytes) })
  } catch (error) {
    const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    throw isTooLarge ? tooMuch() : damaged()
  }
}

/** Writes an archive of uncompressed files. */
export function writeZip(files: ReadonlyMap<string, Uint8Array>): Buffer {
  const bodies: Uint8Array[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, bytes] of files) {
    const nameBytes = Buffer.from(name)
    // Both kinds of header share these fields, from the version to the lengths of name and extra data.
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(0x0800, 2)
    fields.writeUInt32LE(crc32(bytes), 10)
    fields.writeUInt32LE(bytes.length, 14)
    fields.writeUInt32LE(bytes.length, 18)
    fields.writeUInt16LE(nameBytes.length, 22)
    const local = Buffer.alloc(4)
    local.writeUInt32LE(localSignature)
    bodies.push(local, fields, nameBytes, bytes)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(entrySignature)
    entry.writeUInt16LE(20, 4)
    fields.copy(entry, 6)
    entry.writeUInt32LE(offset, 42)
    directory.push(entry, nameBytes)
    offset += 30 + nameBytes.length + bytes.length
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(endSignature)
  end.writeUInt16LE(files.size, 8)
  end.writeUInt16LE(files.size, 10)
  end.writeUInt32LE(
    directory.reduce((sum, { length }) => sum + length, 0),
    12,
  )
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...bodies, ...directory, end])
}
