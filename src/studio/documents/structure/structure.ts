import { setImmediate } from 'node:timers/promises'
import { createDefinitionAppender, type Edit } from '../../text/markdown.ts'
import { countWords, createSlugger, shorten } from '../../text/text.ts'
import { decodeText, normalizeText, type TextFormat } from './structure-decode.ts'
import { DocumentError } from './structure-error.ts'
import { type FoundHeading, type FoundLink, findMarkdownParts } from './structure-markdown.ts'
import { readPlainSections } from './structure-plain.ts'
import { createEditor, settleEdits } from './structure-safe.ts'

export { detectFormat } from './structure-decode.ts'

/** The part of a document under one heading, without the text under its subheadings. */
export interface Section {
  /** Unique in its document; derived from the heading, and stable for the same document. */
  readonly key: string
  /** 1 for a title, 6 for the smallest heading. */
  readonly level: 1 | 2 | 3 | 4 | 5 | 6
  /**
   * As plain text; "Introduction" for text before the first heading, the title in a document
   * without headings.
   */
  readonly heading: string
  /** Self-contained Markdown: the definitions of its reference links are appended. May be ''. */
  readonly body: string
  /** 0, 1, 2 … in document order. */
  readonly position: number
  /** The page it begins on, from 1; absent in documents without pages. */
  readonly page?: number
  /** Whether it belongs to the main content, from which quizzes and roadmaps are generated; absent when it does. */
  readonly isMain?: false
  /** The part of the body that is main content; absent when it is the whole body. */
  readonly mainBody?: string
}

/** A range of a text, in UTF-16 units. */
export interface TextRange {
  readonly start: number
  readonly end: number
}

/** The start of a page of a paged document. */
export interface PageStart {
  /** 1, 2, 3 … in document order. */
  readonly number: number
  /** The printed label, such as "iv"; the number when there is none. */
  readonly label: string
  readonly sectionKey: string
  /** UTF-16 units from the start of that section's body; always at a block's start, or at the end of the body. */
  readonly offset: number
}

/** A link of a document; only http, https and mailto, and relative addresses of Markdown. */
export interface DocumentLink {
  /** The anchor's text, or the address when it has none. */
  readonly text: string
  readonly url: string
  readonly sectionKey: string
  /** Whether it belongs to the main content; absent when it does. */
  readonly isMain?: false
}

/** The structure of a document: a flat, ordered list of sections whose levels define the tree. */
export interface DocumentStructure {
  readonly title: string
  readonly sections: readonly Section[]
  readonly links: readonly DocumentLink[]
  /** Words of prose and code, without markup and addresses. */
  readonly wordCount: number
  /** Assumptions and omissions, as sentences for the user who imported the document. */
  readonly notes: readonly string[]
  /** Its pages in order; absent in documents without pages. */
  readonly pages?: readonly PageStart[]
}

/** A document to read: text, or bytes in an encoding to detect. */
export type DocumentInput = {
  readonly format: TextFormat
  /** The file's name, used as the title when the document has none. */
  readonly name?: string
  /** Maximum size, in bytes or UTF-16 code units; 25 MiB by default. */
  readonly maxBytes?: number
} & (
  | {
      readonly text: string
      /** Ranges of a normalized Markdown text that are not main content, in order; none by default. */
      readonly asides?: readonly TextRange[]
    }
  | { readonly bytes: Uint8Array }
)

/** Reading progress; `done` of `total` characters or lines. */
interface StructureProgress {
  readonly done: number
  readonly total: number
}

const defaultMaxBytes = 26_214_400
/** Maximum number of sections in a document; further text belongs to the last one. */
export const maxSections = 5_000
const maxLinks = 20_000
const assembleCharacters = 262_144

/**
 * Reads a document in steps and yields to the event loop between them, so that progress is sent.
 * `test/studio/structure-bench.ts` measures the steps.
 *
 * @param signal - ends reading between two steps with the signal's reason
 * @returns yields progress and returns the structure
 * @throws DocumentError; see `DocumentErrorCode`
 */
export async function* structureSteps(
  input: DocumentInput,
  signal?: AbortSignal,
): AsyncGenerator<StructureProgress, DocumentStructure> {
  const steps = readInSteps(input)
  for (;;) {
    signal?.throwIfAborted()
    const step = steps.next()
    if (step.done === true) return step.value
    yield step.value
    await setImmediate()
  }
}

/**
 * Reads a document in steps; in one go it would block for about a second per megabyte of Markdown.
 *
 * @throws DocumentError; see `DocumentErrorCode`
 */
export function* readInSteps(input: DocumentInput): Generator<StructureProgress, DocumentStructure> {
  const size = 'bytes' in input ? input.bytes.length : input.text.length
  const maxBytes = input.maxBytes ?? defaultMaxBytes
  if (size === 0) throw new DocumentError('EMPTY_DOCUMENT', 'The document is empty')
  if (size > maxBytes)
    throw new DocumentError('TOO_LARGE', `The document has ${size} bytes; at most ${maxBytes} are read`)
  const decoded = 'bytes' in input ? decodeText(input.bytes) : { text: input.text, notes: [] }
  yield { done: 0, total: size }
  const text = normalizeText(decoded.text)
  if (text.trim() === '') throw new DocumentError('EMPTY_DOCUMENT', 'The document holds nothing but white space')
  yield { done: 0, total: size }
  const asides = 'text' in input ? input.asides : undefined
  const steps = input.format === 'MARKDOWN' ? readMarkdown(text, input.name, asides) : readPlain(text, input.name)
  const structure = yield* steps
  if (structure.wordCount === 0) throw new DocumentError('NO_TEXT', 'The document holds no words')
  return { ...structure, notes: [...decoded.notes, ...structure.notes] }
}

interface Stretch {
  readonly heading: string
  readonly level: number
  readonly start: number
  readonly bodyStart: number
  readonly bodyEnd: number
}

function* readMarkdown(
  documentText: string,
  name: string | undefined,
  asides: readonly TextRange[] | undefined,
): Generator<StructureProgress, DocumentStructure> {
  const { text, title: givenTitle } =
    asides === undefined ? splitFrontMatter(documentText) : { text: documentText, title: undefined }
  const headings: FoundHeading[] = []
  const links: FoundLink[] = []
  const edits: Edit[] = []
  let images = 0
  let html = 0
  let wordCount = 0
  let firstWords = ''
  for (const part of findMarkdownParts(text)) {
    headings.push(...part.headings)
    links.push(...part.links)
    edits.push(...part.edits)
    images += part.images
    html += part.html
    wordCount += countWords(part.text)
    firstWords ||= part.text.trim().slice(0, 500)
    yield { done: part.done, total: text.length }
  }
  const title =
    givenTitle ??
    headings.find(({ level }) => level === 1)?.text ??
    headings[0]?.text ??
    fallbackTitle(name, firstWords)
  const stretches = stretchesOf(text, headings.slice(0, maxSections), title)
  const complete = createDefinitionAppender(text)
  const editor = createEditor(text, edits)
  const keyOf = createSlugger()
  const sections: Section[] = []
  let assembledLength = 0
  const { isIn, mainRanges } = readAsides(asides)
  const editedMain = createEditor(text, edits)
  for (const { heading, level, start, bodyStart, bodyEnd } of stretches) {
    const own = yield* settle(text, { start: bodyStart, end: bodyEnd }, editor)
    const body = own.length > assembleCharacters ? own : complete(own)
    const ranges = mainRanges(bodyStart, bodyEnd)
    const mainParts: string[] = []
    for (const range of ranges ?? []) mainParts.push(yield* settle(text, range, editedMain))
    const mainBody = ranges === undefined ? own : mainParts.filter((part) => part !== '').join('\n\n')
    // Without words, as of a comment, a section is what its heading or its place is.
    const isMain = mainBody.trim() !== '' || (start < bodyStart ? !isIn(start) : ranges === undefined)
    sections.push({
      key: keyOf(heading),
      level: toLevel(level),
      heading,
      body,
      position: sections.length,
      ...(isMain ? {} : { isMain }),
      ...(isMain && ranges !== undefined && mainBody !== own ? { mainBody } : {}),
    })
    assembledLength += body.length
    if (assembledLength > assembleCharacters) {
      assembledLength = 0
      yield { done: text.length, total: text.length }
    }
  }
  const notes = [
    ...sayLeftOut(images),
    ...(html > 0 ? ['HTML inside the document is shown as its text.'] : []),
    ...sayMore(headings.length, maxSections, 'headings', 'the text under the rest belongs to the last of them'),
    ...sayMore(links.length, maxLinks, 'links', 'the rest is left out'),
  ]
  const placedLinks = placeLinks(links.slice(0, maxLinks), stretches, sections)
  return {
    title,
    sections,
    links: placedLinks.map(({ start, ...link }) => (isIn(start) ? { ...link, isMain: false } : link)),
    wordCount,
    notes,
  }
}

/** Returns the edited Markdown of a range, without surrounding empty lines. */
function* settle(
  text: string,
  { start, end }: TextRange,
  edited: (start: number, end: number) => string,
): Generator<StructureProgress, string> {
  const edit = edited(start, end)
  if (edit.length === end - start && edit === text.slice(start, end)) return trimLines(edit)
  const settling = settleEdits(trimLines(edit))
  let step = settling.next()
  for (; step.done !== true; step = settling.next()) yield { done: text.length, total: text.length }
  return trimLines(step.value)
}

/** Locates offsets and ranges among the parts of a text that are not main content. */
function readAsides(asides: readonly TextRange[] = []): {
  readonly isIn: (offset: number) => boolean
  /** The ranges of main content in a range; undefined when it is all main content. Ranges must be requested in order. */
  readonly mainRanges: (start: number, end: number) => readonly TextRange[] | undefined
} {
  let next = 0
  return {
    isIn(offset) {
      let low = 0
      let high = asides.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((asides[middle]?.end ?? 0) <= offset) low = middle + 1
        else high = middle
      }
      return (asides[low]?.start ?? Number.POSITIVE_INFINITY) <= offset
    },
    mainRanges(start, end) {
      while ((asides[next]?.end ?? Number.POSITIVE_INFINITY) <= start) next += 1
      const ranges: TextRange[] = []
      let from = start
      for (let index = next; (asides[index]?.start ?? end) < end; index += 1) {
        const aside = asides[index]
        if (aside === undefined) break
        if (aside.start > from) ranges.push({ start: from, end: aside.start })
        from = aside.end
      }
      if (from === start) return undefined
      return from < end ? [...ranges, { start: from, end }] : ranges
    },
  }
}

/** A note on omitted pictures; empty when there were none. */
export function sayLeftOut(images: number): string[] {
  if (images === 0) return []
  return [images === 1 ? 'A picture was left out.' : `${images} pictures were left out.`]
}

/** A note that something was truncated; empty when it was not. */
function sayMore(count: number, max: number, subject: string, consequence: string): string[] {
  return count > max ? [`The document has ${count} ${subject}; the first ${max} were taken, ${consequence}.`] : []
}

function stretchesOf(text: string, headings: readonly FoundHeading[], title: string): Stretch[] {
  const stretches: Stretch[] = []
  const firstStart = headings[0]?.start ?? text.length
  if (text.slice(0, firstStart).trim() !== '')
    stretches.push({
      heading: headings.length === 0 ? title : 'Introduction',
      level: 1,
      start: 0,
      bodyStart: 0,
      bodyEnd: firstStart,
    })
  for (const [index, { start, end, level, text: heading }] of headings.entries())
    stretches.push({ heading, level, start, bodyStart: end, bodyEnd: headings[index + 1]?.start ?? text.length })
  return stretches
}

function placeLinks(
  links: readonly FoundLink[],
  stretches: readonly Stretch[],
  sections: readonly Section[],
): (DocumentLink & { readonly start: number })[] {
  let index = 0
  return links.flatMap(({ start, text, url }) => {
    for (let next = stretches[index + 1]; next !== undefined && next.start <= start; next = stretches[index + 1])
      index += 1
    const section = sections[index]
    return section === undefined ? [] : [{ start, text, url, sectionKey: section.key }]
  })
}

function* readPlain(text: string, name: string | undefined): Generator<StructureProgress, DocumentStructure> {
  const plainSections = yield* readPlainSections(text)
  const [firstLine = '', secondLine = ''] = text.trimStart().split('\n', 2)
  const isTitleLine = secondLine.trim() === '' && firstLine.length <= 100 && !/[.,;:]$/.test(firstLine.trim())
  const title = isTitleLine ? firstLine.trim() : (plainSections[0]?.heading ?? fallbackTitle(name, text.slice(0, 500)))
  const keyOf = createSlugger()
  const limitedSections = plainSections.slice(0, maxSections)
  const rest = plainSections.slice(maxSections).map(({ heading = '', body }) => `${heading}\n\n${body}`)
  const sections: Section[] = []
  const links: DocumentLink[] = []
  let wordCount = 0
  for (const [position, { heading: ownHeading, level, body: own }] of limitedSections.entries()) {
    const heading = ownHeading ?? (plainSections.length === 1 ? title : 'Introduction')
    const body = position === maxSections - 1 ? [own, ...rest].join('\n\n') : own
    const key = keyOf(heading)
    sections.push({ key, level: toLevel(level), heading, body, position })
    wordCount += countWords(ownHeading ?? '') + countWords(body)
    for (const [url] of body.matchAll(/https?:\/\/[^\s<>"'`)\]]*[^\s<>"'`)\].,;:!?]/g))
      if (links.length < maxLinks) links.push({ text: url, url, sectionKey: key })
    if (position % 100 === 99) yield { done: text.length, total: text.length }
  }
  const notes = sayMore(
    plainSections.length,
    maxSections,
    'headings',
    'the text under the rest belongs to the last of them',
  )
  return { title, sections, links, wordCount, notes }
}

/** Front matter of a Markdown file, YAML between `---` or TOML between `+++`, is not content. */
function splitFrontMatter(fullText: string): { text: string; title: string | undefined } {
  const match = /^(---|\+\+\+)[ \t]*\n([\s\S]{0,65536}?)\n(?:\1|\.\.\.)[ \t]*(?:\n|$)/.exec(fullText)
  const block = match?.[2] ?? ''
  if (match === null || !/^[\w."-]+[ \t]*[:=]/m.test(block)) return { text: fullText, title: undefined }
  const titleValue = /^title[ \t]*[:=][ \t]*(.+)$/m
    .exec(block)?.[1]
    ?.trim()
    .replace(/^(["'])(.*)\1$/, '$2')
  const title = titleValue === undefined || titleValue === '' ? undefined : shorten(titleValue, 200)
  return { text: fullText.slice(match[0].length), title }
}

/** Returns a title for a document without one: its file's name without the extension, or its first words. */
export function fallbackTitle(name: string | undefined, text: string): string {
  const base = name?.replace(/^.*[\\/]/, '').replace(/\.[a-z0-9]{1,8}$/i, '') ?? ''
  return shorten(base, 200) || shorten(text, 60) || 'Untitled document'
}

/** Removes surrounding empty lines; the indent of the first line is kept, as it may be code. */
function trimLines(text: string): string {
  const first = text.search(/\S/)
  return first === -1 ? '' : text.slice(text.lastIndexOf('\n', first) + 1).trimEnd()
}

/** Clamps a number to the nearest valid level. */
export function toLevel(level: number): Section['level'] {
  return level <= 1 ? 1 : level === 2 ? 2 : level === 3 ? 3 : level === 4 ? 4 : level === 5 ? 5 : 6
}
