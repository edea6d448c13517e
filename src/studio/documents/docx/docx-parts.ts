import { posix } from 'node:path'
import { decodeHtml } from '../convert/html.ts'
import { numberParagraphs } from './docx-numbers.ts'
import { attribute, decodeEntities, escapeXml, runOf } from './docx-xml.ts'
import { type MathNode, writeMath } from './math.ts'
import { writeZip } from './zip.ts'

/** The parts of a Word document by name, such as `word/document.xml`. */
export type DocxParts = ReadonlyMap<string, Uint8Array>

/** A Word document rewritten for its reader. */
export interface PreparedDocx {
  /** An archive without pictures and other parts that are not read. */
  readonly archive: Buffer
  /** HTML of embedded pages by the number in their {@link chunkMark}. */
  readonly chunks: readonly string[]
  /** Omissions, as sentences. */
  readonly notes: readonly string[]
}

/** Encloses the number of an embedded page, in a paragraph of its own. */
export const chunkMark = '\ue002'

/**
 * Rewrites what the reader of Word documents ignores: equations become text, embedded pages (altChunk)
 * are marked, and numbered paragraphs get their label.
 */
export function prepareDocx(parts: DocxParts): PreparedDocx {
  const main = mainPart(parts)
  const chunks: string[] = []
  const notes = [...omissionsOf(parts)]
  const newParts = new Map(parts)
  for (const [name, bytes] of parts) {
    if (name !== main && !/(^|\/)(footnotes|endnotes)\.xml$/.test(name)) continue
    const xml = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
    let text = writeEquations(xml)
    if (name === main) {
      const sibling = (part: string): string => textOf(parts, posix.join(posix.dirname(main), part))
      text = numberParagraphs(text, sibling('numbering.xml'), sibling('styles.xml'))
      text = markChunks(text, name, parts, chunks, notes)
    }
    if (text !== xml) newParts.set(name, Buffer.from(text))
  }
  return { archive: writeZip(newParts), chunks, notes }
}

function textOf(parts: DocxParts, name: string): string {
  const bytes = parts.get(name)
  return bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

/** The main part is named by a relationship; `word/document.xml` in nearly all documents. */
function mainPart(parts: DocxParts): string {
  for (const [tag] of textOf(parts, '_rels/.rels').matchAll(/<Relationship\s[^>]*>/g))
    if (/\/officeDocument$/.test(attribute(tag, 'Type') ?? ''))
      return (attribute(tag, 'Target') ?? '').replace(/^\//, '')
  return 'word/document.xml'
}

function* omissionsOf(parts: DocxParts): Generator<string, void> {
  const kinds: readonly (readonly [name: RegExp, kind: string])[] = [
    [/\/comments\.xml$/, 'Comments'],
    [/\/(header|footer)\d*\.xml$/, 'Headers and footers'],
    [/\/charts\/chart\d*\.xml$/, 'Charts'],
    [/\/diagrams\/data\d*\.xml$/, 'Diagrams'],
  ]
  for (const [pattern, kind] of kinds)
    if ([...parts.keys()].some((name) => pattern.test(name) && /<\w+:(t|v)[ >]/.test(textOf(parts, name))))
      yield `${kind} of the Word document were left out.`
}

function writeEquations(xml: string): string {
  if (!xml.includes('<m:oMath')) return xml
  return xml
    .replace(/<m:oMathParaPr>.*?<\/m:oMathParaPr>|<\/?m:oMathPara(?:\s[^>]*)?>/gs, '')
    .replace(/<m:oMath(?:\s[^>]*)?>(.*?)<\/m:oMath>/gs, (_, inner: string) =>
      runOf(` ${writeMath(parseMath(inner)).replace(/\s+/g, ' ').trim()} `),
    )
}

/** Parses the inside of an equation: well-formed XML without comments, or it is not a Word document. */
function parseMath(xml: string): MathNode {
  interface Open extends MathNode {
    text: string
    readonly children: Open[]
  }
  const open = (name: string, attributes: string): Open => ({
    name,
    text: '',
    children: [],
    attribute: (key) => attribute(attributes, key),
  })
  const path = [open('oMath', '')]
  for (const [, close, name = '', attributes = '', text = ''] of xml.matchAll(/<(\/?)([\w:.-]+)([^<>]*)>|([^<]+)/g)) {
    const parent = path.at(-1)
    if (parent === undefined) break
    if (name === '') parent.text += decodeEntities(text)
    else if (close === '/') path.pop()
    else {
      const child = open(name.replace(/^.*:/, ''), attributes)
      parent.children.push(child)
      if (!attributes.endsWith('/')) path.push(child)
    }
  }
  return path[0] ?? open('oMath', '')
}

/** Replaces embedded pages by marks; reads HTML and plain text. */
function markChunks(xml: string, name: string, parts: DocxParts, chunks: string[], notes: string[]): string {
  const folder = posix.dirname(name)
  const targets = new Map<string, string>()
  for (const [tag] of textOf(parts, posix.join(folder, '_rels', `${posix.basename(name)}.rels`)).matchAll(
    /<Relationship\s[^>]*>/g,
  ))
    targets.set(attribute(tag, 'Id') ?? '', attribute(tag, 'Target') ?? '')
  return xml.replace(/<w:altChunk\s([^>]*?)(?:\/>|>.*?<\/w:altChunk>)/gs, (_, attributes: string) => {
    const target = targets.get(attribute(attributes, 'r:id') ?? '') ?? ''
    const bytes = parts.get(target.startsWith('/') ? target.slice(1) : posix.join(folder, target))
    if (bytes === undefined || !/\.(x?html?|txt)$/i.test(target)) {
      notes.push(
        `A part of the Word document in another format was left out (${JSON.stringify(posix.basename(target))}).`,
      )
      return ''
    }
    const text = decodeHtml(bytes).text
    chunks.push(/\.txt$/i.test(target) ? `<pre>${escapeXml(text)}</pre>` : text)
    return `<w:p>${runOf(`${chunkMark}${chunks.length - 1}${chunkMark}`)}</w:p>`
  })
}
