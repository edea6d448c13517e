/**
 * A piece of text as drawn by a PDF, in the coordinates of the upright page: points, from the upper
 * left corner.
 */
export interface PdfPiece {
  readonly text: string
  readonly x: number
  /** The baseline. */
  readonly y: number
  readonly width: number
  /** The font size. */
  readonly size: number
  readonly isRotated: boolean
  /** Whether the PDF marks the end of a line here. */
  readonly endsLine: boolean
}

/** A line of text on a page. */
export interface PdfLine {
  readonly text: string
  readonly x: number
  readonly endX: number
  readonly y: number
  /** The font size of most of its characters. */
  readonly size: number
}

/** The lines of one page. */
export interface PdfPage {
  /** From 1. */
  readonly number: number
  readonly label: string
  readonly height: number
  readonly lines: readonly PdfLine[]
}

interface OpenLine {
  text: string
  x: number
  endX: number
  y: number
  size: number
  /** Number of characters by font size. */
  sizes: Map<number, number>
}

/**
 * Joins the pieces of a page into lines. Their order is kept: it is nearly always the reading
 * order, also in columns. Rotated text (stamps, axis labels) is dropped.
 */
export function joinLines(pieces: readonly PdfPiece[]): PdfLine[] {
  const lines: PdfLine[] = []
  let open: OpenLine | undefined
  let isSpacePending = false
  const close = (): void => {
    if (open !== undefined && open.text.trim() !== '')
      lines.push({ text: open.text.trim(), x: open.x, endX: open.endX, y: open.y, size: commonest(open.sizes) })
    open = undefined
    isSpacePending = false
  }
  for (const { text, x, y, width, size, isRotated, endsLine } of pieces) {
    if (isRotated) continue
    if (text.trim() === '') {
      isSpacePending ||= text !== ''
      if (endsLine) close()
      continue
    }
    if (open !== undefined && !continues(open, x, y, size)) close()
    if (open === undefined) open = { text: '', x, endX: x, y, size, sizes: new Map() }
    const isApart = isSpacePending || x - open.endX > 0.17 * Math.max(size, 1)
    open.text += open.text !== '' && isApart && !/\s$/.test(open.text) ? ` ${text}` : text
    isSpacePending = false
    open.endX = Math.max(open.endX, x + width)
    // The largest text defines the baseline: smaller text is superscript or subscript.
    if (size > open.size) {
      open.y = y
      open.size = size
    }
    const rounded = Math.round(size * 2) / 2
    open.sizes.set(rounded, (open.sizes.get(rounded) ?? 0) + text.length)
    if (endsLine) close()
  }
  close()
  return lines
}

function continues(line: OpenLine, x: number, y: number, size: number): boolean {
  return Math.abs(y - line.y) < 0.5 * Math.max(size, line.size) && x > line.endX - Math.max(size, line.size)
}

/** The key with the greatest count. */
export function commonest(counts: ReadonlyMap<number, number>): number {
  let best = 0
  let most = 0
  for (const [key, count] of counts)
    if (count > most) {
      most = count
      best = key
    }
  return best
}

const pageNumber = /^[\s–—\-·|]*(page|seite|p\.)?\s*(\d{1,4}|[ivxlc]{1,7})(\s*(of|von|\/)\s*\d{1,4})?[\s–—\-·|]*$/i
/**
 * Number of lines at the upper and the lower edge that may be headers and footers, and the share of
 * the page that counts as an edge.
 */
const edgeLines = 2
const edgeShare = 0.13

/**
 * Removes repeated lines at the edges of pages: running titles and page numbers.
 * @returns the pages without them, and whether there were any
 */
export function dropRunningLines(pages: readonly PdfPage[]): { pages: readonly PdfPage[]; isChanged: boolean } {
  const sizes = new Map<number, number>()
  for (const { lines } of pages)
    for (const { size, text } of lines) sizes.set(size, (sizes.get(size) ?? 0) + text.length)
  // "Chapter 1", "Chapter 2" at the top of their pages are headings: running titles are never set
  // larger than the text.
  const maxSize = commonest(sizes) * 1.1
  const edges = pages.map(({ lines, height }) => {
    const byPlace = lines.toSorted((a, b) => a.y - b.y)
    const outer = new Set([...byPlace.slice(0, edgeLines), ...byPlace.slice(-edgeLines)])
    return [...outer].filter(
      ({ y, size }) => size <= maxSize && (y < height * edgeShare || y > height * (1 - edgeShare)),
    )
  })
  const counts = new Map<string, number>()
  for (const lines of edges)
    for (const key of new Set(lines.map(keyOfRunning))) counts.set(key, (counts.get(key) ?? 0) + 1)
  const least = Math.max(3, Math.min(10, Math.ceil(pages.length * 0.3)))
  const running = new Set<PdfLine>(edges.flat().filter((line) => (counts.get(keyOfRunning(line)) ?? 0) >= least))
  if (running.size === 0) return { pages, isChanged: false }
  return {
    pages: pages.map((page) => ({ ...page, lines: page.lines.filter((line) => !running.has(line)) })),
    isChanged: true,
  }
}

/** Returns the same key for lines at the same height that differ only in numbers. */
function keyOfRunning({ text, y }: PdfLine): string {
  return pageNumber.test(text) ? 'page number' : `${Math.round(y / 4)} ${text.replace(/\d+/g, '#')}`
}
