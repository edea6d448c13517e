import { guessEncodings } from '../convert/encoding.ts'
import { refuseCompoundFile, requireDocx } from '../docx/detect-office.ts'
import { DocumentError } from './structure-error.ts'

/** The text of a document, and the assumptions made to decode it. */
export interface DecodedText {
  readonly text: string
  /** Sentences for the user who imported the document; empty when nothing had to be assumed. */
  readonly notes: readonly string[]
}

/** A format that is plain text itself. */
export type TextFormat = 'MARKDOWN' | 'PLAIN_TEXT'

/** A supported format; all others are rejected with `UNSUPPORTED_FORMAT`. */
export type DocumentFormat = TextFormat | 'HTML' | 'PDF' | 'DOCX'

const readable = 'PDF, DOCX, HTML, Markdown and plain text are read'

interface Signature {
  readonly name: string
  readonly bytes: string
  readonly offset?: number
}

/** First bytes, as Latin-1, of common binary files uploaded instead of text. */
const signatures: readonly Signature[] = [
  { name: 'a PDF', bytes: '%PDF-' },
  { name: 'a ZIP archive', bytes: 'PK\x03\x04' },
  { name: 'an empty ZIP archive', bytes: 'PK\x05\x06' },
  { name: 'an old Office file', bytes: '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1' },
  { name: 'an RTF document', bytes: '{\\rtf' },
  { name: 'a PostScript document', bytes: '%!PS' },
  { name: 'a PNG image', bytes: '\x89PNG' },
  { name: 'a JPEG image', bytes: '\xff\xd8\xff' },
  { name: 'a GIF image', bytes: 'GIF8' },
  { name: 'a TIFF image', bytes: 'II*\0' },
  { name: 'a TIFF image', bytes: 'MM\0*' },
  { name: 'a WebP, WAV or AVI file', bytes: 'RIFF' },
  { name: 'a video or audio file', bytes: 'ftyp', offset: 4 },
  { name: 'an MP3 file', bytes: 'ID3' },
  { name: 'an Ogg file', bytes: 'OggS' },
  { name: 'a gzip archive', bytes: '\x1f\x8b' },
  { name: 'a bzip2 archive', bytes: 'BZh' },
  { name: 'an xz archive', bytes: '\xfd7zXZ' },
  { name: 'a 7-Zip archive', bytes: "7z\xbc\xaf'\x1c" },
  { name: 'a program', bytes: '\x7fELF' },
  { name: 'an SQLite database', bytes: 'SQLite format 3\0' },
]

/** Decodes one character per byte. `TextDecoder` would not: its `latin1` is windows-1252. */
export function decodeBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function refuseKnownBinary(bytes: Uint8Array): void {
  const start = decodeBytes(bytes.subarray(0, 64))
  for (const { name, bytes: signature, offset = 0 } of signatures)
    if (start.startsWith(signature, offset))
      throw new DocumentError('UNSUPPORTED_FORMAT', `The document is ${name}; ${readable}`)
}

/**
 * Decodes strictly; undefined when the bytes are not in that encoding.
 * @throws RangeError for an unknown encoding
 */
export function decodeStrictly(encoding: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/**
 * Decodes bytes that begin with a byte order mark; undefined without one.
 * @throws DocumentError `BAD_ENCODING`
 */
export function decodeMarked(bytes: Uint8Array): DecodedText | undefined {
  const [first, second, third] = bytes
  const encoding =
    first === 0xef && second === 0xbb && third === 0xbf
      ? 'utf-8'
      : first === 0xff && second === 0xfe
        ? 'utf-16le'
        : first === 0xfe && second === 0xff
          ? 'utf-16be'
          : undefined
  if (encoding === undefined) return undefined
  const text = decodeStrictly(encoding, bytes)
  if (text === undefined)
    throw new DocumentError('BAD_ENCODING', `The document says it is ${encoding.toUpperCase()} and is not`)
  return { text, notes: [] }
}

/** Detects UTF-16 without a mark: in Western text every other byte is zero. */
function decodeUnmarkedUtf16(bytes: Uint8Array): DecodedText | undefined {
  const sample = bytes.subarray(0, 4096)
  if (sample.length < 4 || bytes.length % 2 !== 0) return undefined
  const zeros = [0, 0]
  for (const [index, byte] of sample.entries()) if (byte === 0) zeros[index % 2] = (zeros[index % 2] ?? 0) + 1
  const half = sample.length / 2
  const [even = 0, odd = 0] = zeros
  const encoding =
    odd > half * 0.6 && even < half * 0.1 ? 'utf-16le' : even > half * 0.6 && odd < half * 0.1 ? 'utf-16be' : undefined
  const text = encoding === undefined ? undefined : decodeStrictly(encoding, bytes)
  if (encoding === undefined || text === undefined) return undefined
  return { text, notes: [`The document was read as ${encoding.toUpperCase()}; it does not say its encoding.`] }
}

/**
 * Decodes bytes that are not valid UTF-8: a damaged UTF-8 file is read as UTF-8, anything else in
 * the encoding that it most likely is in.
 */
function decodeLegacy(bytes: Uint8Array): DecodedText {
  const lenient = new TextDecoder('utf-8').decode(bytes)
  const damagedCount = lenient.match(/\ufffd/g)?.length ?? 0
  const multiByte = lenient.match(/[\u0080-\uffef]/g)?.length ?? 0
  if (multiByte > damagedCount * 4)
    return {
      text: lenient,
      notes: [`${damagedCount} characters of the document were damaged and are shown as \ufffd.`],
    }
  const guesses = guessEncodings(bytes)
  for (const encoding of guesses) {
    const text = decodeStrictly(encoding, bytes)
    if (text === undefined || hasC1Controls(text)) continue
    return { text, notes: [`The document does not say its encoding; it was read as ${encoding}, which is a guess.`] }
  }
  const [likeliest = 'windows-1252'] = guesses
  const text = new TextDecoder(likeliest).decode(bytes)
  const wrong = text.match(/[\u0080-\u009f\ufffd]/g)?.length ?? 0
  if (wrong * 20 > text.length)
    throw new DocumentError('BAD_ENCODING', 'The document is a text in an unknown encoding; it is not UTF-8')
  return {
    text,
    notes: [
      `The document does not say its encoding; it was read as ${likeliest}, which is a guess, and ${wrong} characters do not fit.`,
    ],
  }
}

/** Control characters that no text contains: they show that it was decoded wrongly. */
function hasC1Controls(text: string): boolean {
  return /[\u0080-\u0084\u0086-\u009f]/.test(text)
}

/** Whether bytes contain control characters as no text does, in whichever encoding. */
function isBinary(bytes: Uint8Array): boolean {
  let controls = 0
  for (const byte of bytes) if (byte < 0x20 && (byte < 0x09 || byte > 0x0d) && byte !== 0x1b) controls += 1
  return controls * 50 > bytes.length
}

/** ISO-2022-JP consists of ASCII bytes, with escape sequences that no other text contains. */
function decodeIso2022Jp(bytes: Uint8Array): DecodedText | undefined {
  const isMarked = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('\x1b$')
  const text = isMarked ? decodeStrictly('iso-2022-jp', bytes) : undefined
  return text === undefined
    ? undefined
    : { text, notes: ['The document does not say its encoding; it was read as iso-2022-jp.'] }
}

/**
 * Decodes the bytes of a text document: UTF-8 strictly, UTF-16 by its mark or its zeros, and any
 * other encoding by the frequencies of its characters, with a note.
 *
 * @throws DocumentError `UNSUPPORTED_FORMAT` for binary content, `BAD_ENCODING` when a byte order
 * mark is wrong or no encoding fits
 */
export function decodeText(bytes: Uint8Array): DecodedText {
  return decodeUnicode(bytes) ?? decodeIso2022Jp(bytes) ?? decodeUtf8(bytes) ?? decodeLegacy(bytes)
}

/**
 * Decodes UTF-16, and UTF-8 with a byte order mark; undefined for anything else.
 * @throws DocumentError `UNSUPPORTED_FORMAT` for binary content, `BAD_ENCODING` when a mark is wrong
 */
function decodeUnicode(bytes: Uint8Array): DecodedText | undefined {
  refuseKnownBinary(bytes)
  const markedText = decodeMarked(bytes)
  if (markedText !== undefined) return markedText
  const unmarkedText = bytes.includes(0) ? decodeUnmarkedUtf16(bytes) : undefined
  if (unmarkedText === undefined && (bytes.includes(0) || isBinary(bytes)))
    throw new DocumentError('UNSUPPORTED_FORMAT', `The document is binary; ${readable}`)
  return unmarkedText
}

function decodeUtf8(bytes: Uint8Array): DecodedText | undefined {
  const text = decodeStrictly('utf-8', bytes)
  return text === undefined ? undefined : { text, notes: [] }
}

/**
 * Normalises text to the form that all other code expects: `\n` line ends, no byte order mark, no
 * control characters but tab and newline (a form feed is a page break, so it becomes a newline), no
 * lone surrogates.
 */
export function normalizeText(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(/^\ufeff/, '')
      .replace(/\r\n?|[\u2028\u2029\f\u0085]/g, '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the purpose
      .replace(/[\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f]/g, '')
  )
}

const markdownSigns: readonly { readonly pattern: RegExp; readonly weight: number }[] = [
  { pattern: /^#{1,6} \S/gm, weight: 3 },
  { pattern: /^ {0,3}(```|~~~)/gm, weight: 2 },
  { pattern: /!?\[[^\]\n]{1,200}\]\([^)\s]{1,500}\)/g, weight: 2 },
  { pattern: /^\|.*\|\s*\n\|[\s:|-]+\|/gm, weight: 3 },
  { pattern: /^\[[^\]\n]{1,200}\]: \S+/gm, weight: 2 },
  { pattern: /\*\*[^*\s][^*\n]{0,200}\*\*/g, weight: 1 },
  { pattern: /(?<!`)`[^`\s][^`\n]{0,100}`/g, weight: 1 },
  { pattern: /^---\n[\w-]+:/g, weight: 3 },
]

const htmlStart = /^<(!doctype\s+html|html|head|body)[\s>]/i

/** Pages begin with their declaration or their first tag, after at most comments and an XML declaration. */
function beginsAsHtml(text: string): boolean {
  let rest = text.trimStart()
  for (let lead = leadOf(rest); lead > 0; lead = leadOf(rest)) rest = rest.slice(lead).trimStart()
  return htmlStart.test(rest)
}

function leadOf(text: string): number {
  const close = text.startsWith('<!--') ? '-->' : text.startsWith('<?xml') ? '?>' : undefined
  return close === undefined ? 0 : text.indexOf(close) + (text.includes(close) ? close.length : 1)
}

/**
 * Detects the format of a document by its content. The name decides only between Markdown and plain
 * text, and only when the content is ambiguous.
 *
 * @param name - the file's name; may be empty
 * @param bytes - the file's content; of text the first 64 KiB are examined, of an archive its
 * directory
 * @throws DocumentError `UNSUPPORTED_FORMAT` for archives, images and other binary content,
 * `EMPTY_DOCUMENT` for no bytes, `BAD_ENCODING` when a byte order mark is wrong, `DAMAGED`,
 * `ENCRYPTED` and `HAS_MACROS` for Office files
 */
export function detectFormat(name: string, bytes: Uint8Array): DocumentFormat {
  if (bytes.length === 0) throw new DocumentError('EMPTY_DOCUMENT', `${JSON.stringify(name)} is empty`)
  const start = decodeBytes(bytes.subarray(0, 1_024))
  if (isPdf(start, bytes)) return 'PDF'
  if (start.startsWith('PK\x03\x04')) return requireDocx(bytes)
  if (start.startsWith('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1')) return refuseCompoundFile(bytes)
  const decodedSample = decodeSample(cutBetweenCharacters(bytes, 65_536))
  const sample = normalizeText(decodedSample)
  if (beginsAsHtml(sample)) return 'HTML'
  // A fragment of a page may be Markdown as well.
  if (/\.x?html?$/i.test(name) && /^\s*<[a-z!]/i.test(sample)) return 'HTML'
  const score = markdownSigns.reduce(
    (sum, { pattern, weight }) => sum + weight * Math.min(5, sample.match(pattern)?.length ?? 0),
    0,
  )
  if (score >= 6) return 'MARKDOWN'
  if (/\.(md|markdown|mdown|mkd|mdx)$/i.test(name)) return 'MARKDOWN'
  if (/\.(txt|text|log)$/i.test(name)) return 'PLAIN_TEXT'
  return score >= 3 ? 'MARKDOWN' : 'PLAIN_TEXT'
}

/**
 * Whether a file is a PDF. Readers accept up to a kilobyte of other data before its header, such as
 * a byte order mark or mail headers; text that only mentions the header is valid UTF-8.
 */
function isPdf(start: string, bytes: Uint8Array): boolean {
  if (/^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*%PDF-/.test(start)) return true
  if (!/%PDF-\d/.test(start)) return false
  const sample = cutBetweenCharacters(bytes, 65_536)
  return sample.includes(0) || decodeStrictly('utf-8', sample) === undefined
}

/**
 * Decodes a sample for the detection of its format, without detecting its encoding: the marks of
 * formats are ASCII in all encodings. Pages may contain bytes that are refused in other texts.
 */
function decodeSample(sample: Uint8Array): string {
  const start = decodeBytes(sample.subarray(0, 8_192))
  return beginsAsHtml(start) ? start : ((decodeUnicode(sample) ?? decodeUtf8(sample))?.text ?? decodeBytes(sample))
}

/** A sample that ends in the middle of a UTF-8 sequence would be detected as another encoding. */
function cutBetweenCharacters(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length <= maxBytes) return bytes
  let end = maxBytes
  while (end > maxBytes - 4 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.subarray(0, end)
}
