/**
 * A piece of text as drawn by a PDF. Its coordinates are those of the page turned until the text
 * reads from left to right: points, from the upper left corner.
 */
export interface PdfPiece {
  readonly text: string
  readonly x: number
  /** The baseline. */
  readonly y: number
  readonly width: number
  /** The font size. */
  readonly size: number
  /** The direction of the text on the page: degrees clockwise from left to right, 0 to 359. */
  readonly angle: number
  /** Whether the PDF marks the end of a line here. */
  readonly endsLine: boolean
}

/** A line of text on a page, in the coordinates of its pieces. */
export interface PdfLine {
  readonly text: string
  readonly x: number
  readonly endX: number
  readonly y: number
  /** The font size of most of its characters. */
  readonly size: number
  /** The direction of its pieces. */
  readonly angle: number
}

/** The lines of one page. */
export interface PdfPage {
  /** From 1. */
  readonly number: number
  readonly label: string
  readonly width: number
  readonly height: number
  readonly lines: readonly PdfLine[]
}

interface OpenPiece {
  readonly text: string
  /** Its place in the order of drawing. */
  readonly index: number
  readonly x: number
  readonly endX: number
  /** Whether white space was drawn before it. */
  readonly isSpaced: boolean
}

interface OpenLine {
  readonly pieces: OpenPiece[]
  readonly angle: number
  isRtl: boolean
  x: number
  endX: number
  y: number
  size: number
  /** Number of characters by font size. */
  sizes: Map<number, number>
}

const rtlLetter = /[\p{sc=Arab}\p{sc=Hebr}\p{sc=Syrc}\p{sc=Thaa}\p{sc=Nkoo}]/gu
const ltrCharacter = /(?!\p{sc=Arab}|\p{sc=Hebr}|\p{sc=Syrc}|\p{sc=Thaa}|\p{sc=Nkoo})[\p{L}\p{Nd}]/gu

/** Whether most letters of a text are of a script that is written from right to left. */
function isMostlyRtl(text: string): boolean {
  const rtl = text.match(rtlLetter)?.length ?? 0
  return rtl > 0 && rtl >= (text.match(ltrCharacter)?.length ?? 0)
}

/**
 * Joins the pieces of a page into lines. Their order is kept: it is nearly always the reading
 * order, also in columns. Lines in another direction than most of the page (stamps, labels of axes)
 * come last.
 */
export function joinLines(pieces: readonly PdfPiece[]): PdfLine[] {
  const lines: PdfLine[] = []
  const withoutRepetition = createRepetitionFilter()
  let open: OpenLine | undefined
  let isSpacePending = false
  const close = (): void => {
    if (open !== undefined) {
      const { x, endX, y, sizes, angle } = open
      lines.push({ text: textOf(open).trim(), x, endX, y, size: commonest(sizes), angle })
    }
    open = undefined
    isSpacePending = false
  }
  for (const nextPiece of pieces) {
    const { endsLine } = nextPiece
    if (nextPiece.text.trim() === '') {
      isSpacePending ||= nextPiece.text !== ''
      if (endsLine) close()
      continue
    }
    const piece = withoutRepetition(nextPiece)
    if (piece === undefined) {
      if (endsLine) close()
      continue
    }
    const { text, x, y, width, size, angle } = piece
    const isRtl = isMostlyRtl(text)
    if (open !== undefined && !continues(open, piece, isRtl)) close()
    open ??= { pieces: [], angle, isRtl, x, endX: x, y, size, sizes: new Map() }
    // PDF.js also reports spaces between the letters of a condensed font.
    const gap = x - (open.pieces.at(-1)?.endX ?? Number.NEGATIVE_INFINITY)
    const isHair = !isRtl && gap >= 0 && gap <= hairSpace * size
    open.pieces.push({ text, index: open.pieces.length, x, endX: x + width, isSpaced: isSpacePending && !isHair })
    isSpacePending = false
    open.isRtl ||= isRtl
    open.x = Math.min(open.x, x)
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
  const main = mainAngle(lines)
  return [...lines.filter(({ angle }) => angle === main), ...lines.filter(({ angle }) => angle !== main)]
}

/** The direction of most of a page's text. */
export function mainAngle(lines: readonly PdfLine[]): number {
  const counts = new Map<number, number>()
  for (const { angle, text } of lines) counts.set(angle, (counts.get(angle) ?? 0) + text.length)
  return commonest(counts)
}

/** The width of a space, as a share of the font size, up to which it separates no words. */
const hairSpace = 0.08
/** The distance, as a share of the font size, at which a text drawn again makes the first one bold. */
const boldShift = 0.1

/**
 * Removes text that is drawn again at the same place, to look bold or because a scan has text below
 * its picture.
 *
 * @returns a function that returns the new text of a piece; undefined when all of it is repeated
 */
function createRepetitionFilter(): (piece: PdfPiece) => PdfPiece | undefined {
  const piecesByText = new Map<string, PdfPiece[]>()
  return (piece) => {
    let rest = piece
    for (;;) {
      const key = `${rest.angle} ${rest.text.charAt(0)}`
      const candidates = piecesByText.get(key) ?? []
      piecesByText.set(key, candidates)
      const { text, x, width } = rest
      const first = candidates.find((candidate) => text.startsWith(candidate.text) && isSamePlace(rest, candidate))
      if (first?.text === text) return undefined
      if (first === undefined || isMostlyRtl(text)) {
        candidates.push(rest)
        return rest
      }
      const share = first.text.length / text.length
      rest = { ...rest, text: text.slice(first.text.length), x: x + width * share, width: width * (1 - share) }
    }
  }
}

function isSamePlace(piece: PdfPiece, otherPiece: PdfPiece): boolean {
  const maxShift = boldShift * otherPiece.size
  return (
    Math.abs(piece.x - otherPiece.x) < maxShift &&
    Math.abs(piece.y - otherPiece.y) < maxShift &&
    Math.abs(piece.size - otherPiece.size) < maxShift
  )
}

function continues(line: OpenLine, { text, x, y, width, size, angle }: PdfPiece, isRtl: boolean): boolean {
  // Fonts that are drawn as shapes may state any size, but letters are not wider than they are high.
  const reach = Math.max(size, line.size, width / text.length)
  if (angle !== line.angle || Math.abs(y - line.y) >= 0.5 * reach) return false
  if (isRtl || line.isRtl || x > line.endX - reach) return true
  // A gap that was left for it, as in formulas, which are often drawn font by font.
  return x > line.x && line.pieces.every((piece) => x + 0.8 * width < piece.x || x > piece.endX - 0.2 * width)
}

const spacedLetters = /^\p{L}(?: \p{L})+$/u
/** The number of letters from which a line of single letters is taken for words with wide spacing. */
const minSpacedLetters = 5

/** Removes the spaces that PDF.js reads between the letters of words with wide spacing, such as `T i t l e`. */
function closeUp(pieces: readonly OpenPiece[]): readonly OpenPiece[] {
  if (!pieces.every(({ text }) => spacedLetters.test(text))) return pieces
  const letters = pieces.flatMap(({ text }) => text.split(' '))
  // A series such as `a b c` consists of single letters.
  const isSeries = letters.every((letter, index) => letter > (letters[index - 1] ?? ''))
  if (letters.length < minSpacedLetters || isSeries) return pieces
  return pieces.map((piece) => ({ ...piece, text: piece.text.replaceAll(' ', '') }))
}

/** Joins the pieces of a line; those of a line with right-to-left text are put in reading order. */
function textOf({ pieces, size, isRtl }: OpenLine): string {
  let text = ''
  let before: OpenPiece | undefined
  let endX = Number.POSITIVE_INFINITY
  for (const piece of isRtl ? toReadingOrder(pieces) : closeUp(pieces.toSorted((a, b) => a.x - b.x))) {
    const isLeftward = isRtl && before !== undefined && piece.x < before.x
    const gap = isLeftward ? (before?.x ?? 0) - piece.endX : piece.x - endX
    const isApart = isSpaceDrawn(before, piece) || gap > 0.17 * Math.max(size, 1)
    text += text !== '' && isApart && !/\s$/.test(text) ? ` ${piece.text}` : piece.text
    endX = isRtl || before === undefined ? piece.endX : Math.max(endX, piece.endX)
    before = piece
  }
  return text
}

/** Whether white space was drawn between two pieces, in either order. */
function isSpaceDrawn(before: OpenPiece | undefined, piece: OpenPiece): boolean {
  if (before === undefined || Math.abs(piece.index - before.index) !== 1) return false
  return piece.index > before.index ? piece.isSpaced : before.isSpaced
}

/**
 * Orders pieces as they are read: sorts them by position and reverses those against the direction
 * of the line. PDFs draw right-to-left text in either direction; the characters within a piece are
 * already in reading order.
 */
function toReadingOrder(pieces: readonly OpenPiece[]): OpenPiece[] {
  const isRtlLine = isMostlyRtl(pieces.map(({ text }) => text).join(''))
  const sorted = pieces.toSorted((a, b) => a.x - b.x)
  if (isRtlLine) sorted.reverse()
  const orderedPieces: OpenPiece[] = []
  let against: OpenPiece[] = []
  for (const piece of sorted) {
    const isRtl = isMostlyRtl(piece.text)
    const isAgainst = isRtlLine ? !isRtl && /[\p{L}\p{Nd}]/u.test(piece.text) : isRtl
    if (isAgainst) against.unshift(piece)
    else {
      orderedPieces.push(...against, piece)
      against = []
    }
  }
  return [...orderedPieces, ...against]
}

/** The key with the greatest count. */
export function commonest(counts: ReadonlyMap<number, number>): number {
  let best = 0
  let maxCount = 0
  for (const [key, count] of counts)
    if (count > maxCount) {
      maxCount = count
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
  const edges = pages.map(({ lines, width, height }) =>
    [...Map.groupBy(lines, ({ angle }) => angle)].flatMap(([angle, own]) => {
      // Watermarks are not at the edges.
      if (angle % 90 !== 0) return own
      const extent = angle % 180 === 0 ? height : width
      const byPlace = own.toSorted((a, b) => a.y - b.y)
      const outer = new Set([...byPlace.slice(0, edgeLines), ...byPlace.slice(-edgeLines)])
      return [...outer].filter(
        ({ y, size }) => size <= maxSize && (y < extent * edgeShare || y > extent * (1 - edgeShare)),
      )
    }),
  )
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
function keyOfRunning({ text, y, angle }: PdfLine): string {
  return pageNumber.test(text) ? 'page number' : `${angle} ${Math.round(y / 4)} ${text.replace(/\d+/g, '#')}`
}
