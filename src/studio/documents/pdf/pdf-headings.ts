import { commonest, mainAngle, type PdfLine, type PdfPage } from './pdf-lines.ts'

/** An entry of a PDF's outline (its bookmarks). */
export interface OutlineEntry {
  readonly title: string
  /** 1 for the top level. */
  readonly level: number
  /** From 1. */
  readonly page: number
}

/**
 * A heading and its lines; it has no lines when the outline names a heading that the text does not
 * contain.
 */
interface PdfHeading {
  readonly text: string
  readonly level: number
  /** Range of line indices in the page; both equal when it has no lines: it then precedes that line. */
  readonly from: number
  readonly to: number
}

/** The headings of each page, in the order of its lines. */
type PdfHeadings = ReadonlyMap<number, readonly PdfHeading[]>

const maxHeadingLines = 4
const maxHeadingCharacters = 200
/** Minimum ratio of a heading's font size to that of the text. */
const headingRatio = 1.12

/** Finds the headings of a PDF: those of its outline, or else lines set larger than the text. */
export function findHeadings(pages: readonly PdfPage[], outline: readonly OutlineEntry[]): PdfHeadings {
  const outlineHeadings = outline.length >= 2 ? fromOutline(pages, outline) : undefined
  return outlineHeadings ?? fromSizes(pages)
}

const normalize = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')

/** Undefined when most of the outline is not found in the text: then it does not describe the document. */
function fromOutline(pages: readonly PdfPage[], outline: readonly OutlineEntry[]): PdfHeadings | undefined {
  const byNumber = new Map(pages.map((page) => [page.number, page]))
  const headings = new Map<number, PdfHeading[]>()
  let foundCount = 0
  for (const { title, level, page: number } of outline) {
    const page = byNumber.get(number)
    const titleText = normalize(title)
    if (page === undefined || titleText === '') continue
    const earlier = headings.get(number) ?? []
    const after = earlier.at(-1)?.to ?? 0
    const place = findTitle(page.lines, titleText, after)
    if (place !== undefined) foundCount += 1
    const { from, to } = place ?? { from: after, to: after }
    const text = title.replace(/\s+/g, ' ').trim().slice(0, maxHeadingCharacters)
    headings.set(number, [...earlier, { text, level: Math.min(level, 6), from, to }])
  }
  return foundCount * 2 >= outline.length ? headings : undefined
}

function findTitle(
  lines: readonly PdfLine[],
  titleText: string,
  after: number,
): { readonly from: number; readonly to: number } | undefined {
  for (let from = after; from < lines.length; from += 1) {
    let text = ''
    for (let to = from; to < Math.min(lines.length, from + maxHeadingLines); to += 1) {
      text += normalize(lines[to]?.text ?? '')
      // A leading number may be missing in the outline.
      const prefix = text.endsWith(titleText) ? text.slice(0, -titleText.length) : undefined
      if (prefix !== undefined && /^(chapter|section|part|appendix)?[\divxlc]{0,6}[a-z]?$/.test(prefix))
        return { from, to: to + 1 }
      if (text.length > titleText.length + 20) break
    }
  }
  return undefined
}

function fromSizes(pages: readonly PdfPage[]): PdfHeadings {
  const counts = new Map<number, number>()
  let total = 0
  for (const { lines } of pages)
    for (const { size, text } of lines) {
      counts.set(size, (counts.get(size) ?? 0) + text.length)
      total += text.length
    }
  const body = commonest(counts)
  const levels = levelsOfSizes(
    [...counts].filter(([size, count]) => size >= body * headingRatio && count < total * 0.2).map(([size]) => size),
  )
  const headings = new Map<number, PdfHeading[]>()
  for (const { number, lines } of pages) {
    const own: PdfHeading[] = []
    const main = mainAngle(lines)
    for (let from = 0; from < lines.length; ) {
      const line = lines[from]
      // Stamps and watermarks are often the largest text of a page.
      const level = line === undefined || line.angle !== main ? undefined : levels.get(line.size)
      if (line === undefined || level === undefined) {
        from += 1
        continue
      }
      let to = from + 1
      while (to < lines.length && to - from < maxHeadingLines && belongsTo(lines[to - 1], lines[to])) to += 1
      const text = lines
        .slice(from, to)
        .map((headingLine) => headingLine.text)
        .join(' ')
      if (text.length <= maxHeadingCharacters && /\p{L}{2}/u.test(text)) own.push({ text, level, from, to })
      from = to
    }
    if (own.length > 0) headings.set(number, own)
  }
  return headings
}

/** Sizes that differ by less than 6 % are of one level. */
function levelsOfSizes(sizes: readonly number[]): ReadonlyMap<number, number> {
  const levels = new Map<number, number>()
  let level = 0
  let last = Number.POSITIVE_INFINITY
  for (const size of sizes.toSorted((a, b) => b - a)) {
    if (size < last * 0.94) {
      level += 1
      last = size
    }
    levels.set(size, Math.min(level, 6))
  }
  return levels
}

function belongsTo(before: PdfLine | undefined, line: PdfLine | undefined): boolean {
  if (before === undefined || line?.size !== before.size || line.angle !== before.angle) return false
  const step = line.y - before.y
  return step > 0 && step < 1.6 * line.size
}
