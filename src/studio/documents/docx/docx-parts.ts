import { posix } from 'node:path'
import { decodeHtml } from '../convert/html.ts'
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
/** Enclose the number of a list item, at the beginning of its text. */
const numberMarks = ['\ue000', '\ue001'] as const

/**
 * Rewrites what the reader of Word documents ignores: equations become text, embedded pages (altChunk)
 * are marked, and items of numbered lists get their number, which continues after other paragraphs.
 */
export function prepareDocx(parts: DocxParts): PreparedDocx {
  const main = mainPart(parts)
  const chunks: string[] = []
  const notes = [...omissionsOf(parts)]
  const written = new Map(parts)
  for (const [name, bytes] of parts) {
    if (name !== main && !/(^|\/)(footnotes|endnotes)\.xml$/.test(name)) continue
    const xml = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
    let text = writeEquations(xml)
    if (name === main) {
      text = numberItems(text, textOf(parts, posix.join(posix.dirname(main), 'numbering.xml')))
      text = markChunks(text, name, parts, chunks, notes)
    }
    if (text !== xml) written.set(name, Buffer.from(text))
  }
  return { archive: writeZip(written), chunks, notes }
}

function textOf(parts: DocxParts, name: string): string {
  const bytes = parts.get(name)
  return bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(tag)
  return value === null ? undefined : decodeEntities(value[1] ?? value[2] ?? '')
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

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(lt|gt|amp|quot|apos));/gi, (_, decimal, hex, name: string) => {
    if (name !== undefined) return entities[name.toLowerCase()] ?? ''
    const code = decimal === undefined ? Number.parseInt(hex as string, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : ''
  })
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const runOf = (text: string): string => `<w:r><w:t xml:space="preserve">${escapeXml(text)}</w:t></w:r>`

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

/** The value of the first element with a name. */
function valueIn(xml: string, name: string): string | undefined {
  return attribute(new RegExp(`<w:${name}\\s[^>]*>`).exec(xml)?.[0] ?? '', 'w:val')
}

interface Level {
  readonly start: number
  readonly isNumbered: boolean
}

/** Inserts the number of each item of a numbered list, as Word counts: per list, not per run of items. */
function numberItems(xml: string, numbering: string): string {
  const levels = new Map<string, Level>()
  for (const [, tag = '', inner = ''] of numbering.matchAll(/<w:abstractNum(\s[^>]*)>(.*?)<\/w:abstractNum>/gs))
    for (const [, level = '', properties = ''] of inner.matchAll(/<w:lvl(\s[^>]*)>(.*?)<\/w:lvl>/gs)) {
      levels.set(`${attribute(tag, 'w:abstractNumId')} ${attribute(level, 'w:ilvl')}`, {
        start: Number(valueIn(properties, 'start') ?? 0),
        isNumbered: !/^(bullet|none)$/.test(valueIn(properties, 'numFmt') ?? 'decimal'),
      })
    }
  const lists = new Map<string, { readonly id: string; readonly restarts: ReadonlyMap<string, number> }>()
  for (const [, tag = '', inner = ''] of numbering.matchAll(/<w:num(\s[^>]*)>(.*?)<\/w:num>/gs)) {
    const restarts = [...inner.matchAll(/<w:lvlOverride(\s[^>]*)>\s*<w:startOverride(\s[^>]*)>/g)].map(
      ([, level = '', start = '']) => [attribute(level, 'w:ilvl') ?? '0', Number(attribute(start, 'w:val'))] as const,
    )
    const id = valueIn(inner, 'abstractNumId') ?? ''
    lists.set(attribute(tag, 'w:numId') ?? '', { id, restarts: new Map(restarts) })
  }
  const counts = new Map<string, number[]>()
  const usedLevels = new Set<string>()
  return xml.replace(/<w:numPr>((?:(?!<\/w:pPr>).)*?)<\/w:numPr>.*?<\/w:pPr>/gs, (properties, inner: string) => {
    const listId = valueIn(inner, 'numId') ?? ''
    const levelId = valueIn(inner, 'ilvl') ?? '0'
    const list = lists.get(listId)
    const level = levels.get(`${list?.id} ${levelId}`)
    if (list === undefined || level?.isNumbered !== true) return properties
    const own = counts.get(list.id) ?? []
    counts.set(list.id, own)
    const depth = Number(levelId)
    const restart = usedLevels.has(`${listId} ${levelId}`) ? undefined : list.restarts.get(levelId)
    usedLevels.add(`${listId} ${levelId}`)
    const number = restart ?? (own[depth] === undefined ? level.start : own[depth] + 1)
    own[depth] = number
    own.length = depth + 1
    return properties + runOf(numberMarks.join(String(number)))
  })
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
