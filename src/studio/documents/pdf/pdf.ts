import { getDocument, VerbosityLevel } from 'unpdf/pdfjs'
import { safeUrl } from '../../text/text.ts'
import { decodeBytes } from '../structure/structure-decode.ts'
import { DocumentError } from '../structure/structure-error.ts'
import { insertFields, readAnnotations } from './annotations.ts'
import { cleanText, countLost, countSymbols } from './clean-text.ts'
import { CmapFactory, cmapFolder } from './cmaps.ts'
import { createFontInspector } from './guessed-fonts.ts'
import type { OutlineEntry } from './pdf-headings.ts'
import { joinLines, type PdfPage, type PdfPiece } from './pdf-lines.ts'

type PdfDocument = Awaited<ReturnType<typeof getDocument>['promise']>
type PdfPageProxy = Awaited<ReturnType<PdfDocument['getPage']>>

/** The content of a PDF, page by page. */
export interface PdfContent {
  /** The title in its properties; '' when there is none. */
  readonly title: string
  readonly pages: readonly PdfPage[]
  readonly outline: readonly OutlineEntry[]
  readonly links: readonly { readonly page: number; readonly url: string }[]
  /** Pages that could not be read. */
  readonly broken: readonly number[]
  /** Pages with text in fonts that do not say which letters they show. */
  readonly unmapped: readonly number[]
  readonly images: number
  /** Other omissions, as sentences. */
  readonly notes: readonly string[]
}

/** Progress of reading a PDF. */
type PdfStep =
  | { readonly is: 'opened'; readonly labels: readonly string[] }
  | { readonly is: 'page'; readonly number: number; readonly isBroken: boolean }

const maxOutlineEntries = 3_000
const maxLinks = 20_000

/**
 * Reads the text of a PDF with PDF.js, with the values of its form fields and the texts typed onto
 * its pages. Scripts and forms are not run, fonts not loaded, pictures not decoded.
 *
 * @param options.maxPages - maximum number of pages
 * @param options.report - called once with the pages' labels and then for each page
 * @throws DocumentError `ENCRYPTED`, `DAMAGED`, `TOO_MANY_PAGES`, `NO_TEXT_LAYER`
 */
export async function readPdf(
  bytes: Uint8Array,
  { maxPages, report }: { readonly maxPages: number; readonly report: (step: PdfStep) => void },
): Promise<PdfContent> {
  const file = inspect(bytes)
  const task = getDocument({
    // A copy, as PDF.js takes ownership of the bytes.
    data: new Uint8Array(bytes),
    disableFontFace: true,
    useSystemFonts: false,
    useWorkerFetch: false,
    cMapUrl: cmapFolder,
    BinaryDataFactory: CmapFactory,
    enableXfa: false,
    fontExtraProperties: true,
    // Fonts are read with the drawing commands of their page, which would decode its pictures.
    maxImageSize: 1,
    stopAtErrors: false,
    verbosity: VerbosityLevel.ERRORS,
  })
  let pdf: PdfDocument
  try {
    pdf = await task.promise
  } catch (error) {
    throw toDocumentError(error, file)
  }
  const count = pdf.numPages
  if (count > maxPages)
    throw new DocumentError('TOO_MANY_PAGES', `The PDF has ${count} pages; at most ${maxPages} are read`)
  if (file.isCutOff && count < file.declaredPages) throw cutOff()
  const labels = (await pdf.getPageLabels().catch(() => null))?.map((label) => cleanText(label).trim())
  report({ is: 'opened', labels: Array.from({ length: count }, (_, index) => labels?.[index] || String(index + 1)) })
  const pages: PdfPage[] = []
  const brokenPages: number[] = []
  const unmappedPages: number[] = []
  const links: { page: number; url: string }[] = []
  const isGuessed = createFontInspector()
  const counts = { comments: 0, captions: 0, stamps: 0, players: 0 }
  for (let number = 1; number <= count; number += 1) {
    const label = labels?.[number - 1] || String(number)
    try {
      const page = await pdf.getPage(number)
      const { isUnmapped, lines, width, height, texts } = await readPage(page)
      const annotations = await readAnnotations(page)
      counts.comments += annotations.comments
      counts.captions += annotations.captions
      counts.stamps += annotations.stamps
      counts.players += annotations.players
      if (isUnmapped || (await isGuessed(page, texts))) unmappedPages.push(number)
      pages.push({ number, label, width, height, lines: insertFields(lines, annotations.fields) })
      for (const url of webAddresses(annotations.urls)) if (links.length < maxLinks) links.push({ page: number, url })
      page.cleanup()
      report({ is: 'page', number, isBroken: false })
    } catch (error) {
      if (error instanceof RangeError) throw error
      brokenPages.push(number)
      pages.push({ number, label, width: 0, height: 0, lines: [] })
      report({ is: 'page', number, isBroken: true })
    }
  }
  if (file.isCutOff && brokenPages.length > 0) throw cutOff()
  if (brokenPages.length === count)
    throw new DocumentError('DAMAGED', `None of the PDF's ${count} pages can be read: the file is damaged`)
  if (pages.every(({ lines }) => lines.length === 0)) throw noText(count, file.images, unmappedPages.length > 0)
  const { title, hasXfa } = await readProperties(pdf)
  const notes = [
    ...(file.isCutOff ? ['The end of the file is missing; text that was stored there is missing as well.'] : []),
    ...(hasXfa ? ['The document is an XFA form; text that only the form contains was left out.'] : []),
    ...sayCount(counts.comments, 'A comment was left out.', 'comments were left out.'),
    ...sayCount(
      counts.captions,
      'The text on a button or a signature was left out.',
      'texts on buttons and signatures were left out.',
    ),
    ...sayCount(counts.stamps, 'A stamp was left out.', 'stamps were left out.'),
    ...sayCount(
      counts.players,
      'A player for sound or video was left out.',
      'players for sound or video were left out.',
    ),
    ...sayCount(file.attachments, 'An attached file was left out.', 'attached files were left out.'),
  ]
  return {
    title,
    pages,
    outline: await readOutline(pdf),
    links,
    broken: brokenPages,
    unmapped: unmappedPages,
    images: file.images,
    notes,
  }
}

function sayCount(count: number, singular: string, plural: string): string[] {
  return count === 0 ? [] : [count === 1 ? singular : `${count} ${plural}`]
}

/** Facts of a PDF file that PDF.js does not report. */
interface FileFacts {
  /** Whether its end marker is missing, or objects follow the last one. */
  readonly isCutOff: boolean
  /** The greatest number of pages that a page tree declares; 0 when none is stored uncompressed. */
  readonly declaredPages: number
  readonly images: number
  readonly attachments: number
  readonly isEncrypted: boolean
}

/**
 * Inspects the bytes of a PDF. They only explain what PDF.js reports: whether a PDF can be read is
 * decided by reading it.
 */
function inspect(bytes: Uint8Array): FileFacts {
  const text = decodeBytes(bytes)
  const end = Math.max(text.lastIndexOf('startxref'), text.lastIndexOf('%%EOF'))
  const trees = text.matchAll(
    /\/Type\s*\/Pages\b[^>]{0,200}?\/Count\s+(\d{1,7})|\/Count\s+(\d{1,7})[^>]{0,200}?\/Type\s*\/Pages\b/g,
  )
  // Stream dictionaries are stored uncompressed.
  return {
    isCutOff: end === -1 || /\d\s+\d+\s+obj\b/.test(text.slice(end)),
    declaredPages: Math.max(0, ...[...trees].map(([, before, behind]) => Number(before ?? behind))),
    images: text.match(/\/Subtype\s*\/Image\b/g)?.length ?? 0,
    attachments: text.match(/\/Type\s*\/EmbeddedFile\b/g)?.length ?? 0,
    isEncrypted: /\/Encrypt\s*(<<|\d+\s+\d+\s+R)/.test(text),
  }
}

function cutOff(): DocumentError {
  return new DocumentError(
    'DAMAGED',
    'The PDF ends in the middle: its end is missing',
    'The upload may have been cut off, or the file itself is incomplete: import it again from where it is whole.',
  )
}

function noText(count: number, images: number, isUnmapped: boolean): DocumentError {
  const pages = count === 1 ? 'one page' : `${count} pages`
  const reason = isUnmapped
    ? 'no text that can be read: its fonts do not say which letters they show'
    : images > 0
      ? 'no text: it seems to be a scan, pictures of pages'
      : 'no text: its pages are empty, or their letters are drawn as shapes'
  return new DocumentError('NO_TEXT_LAYER', `The PDF has ${pages} and ${reason}`)
}

function toDocumentError(error: unknown, { isCutOff, isEncrypted }: FileFacts): unknown {
  if (!(error instanceof Error)) return error
  if (error.name === 'PasswordException') return new DocumentError('ENCRYPTED', 'The PDF is protected by a password')
  if (error instanceof RangeError) return error
  if (isEncrypted && /encrypt/i.test(error.message))
    return new DocumentError(
      'ENCRYPTED',
      'The PDF is encrypted for the holders of certificates, or by an unknown method',
      'Save a copy without encryption and import that file.',
    )
  return isCutOff ? cutOff() : new DocumentError('DAMAGED', 'The PDF is damaged: it cannot be opened')
}

/** The number of lost characters, and the share of symbols, above which the text of a page is reported as unreadable. */
const maxLost = 5
const maxSymbolShare = 0.02

async function readPage(page: PdfPageProxy): Promise<
  Pick<PdfPage, 'width' | 'height' | 'lines'> & {
    readonly isUnmapped: boolean
    /** Its texts by the names of their fonts. */
    readonly texts: ReadonlyMap<string, string>
  }
> {
  const { transform, width, height } = page.getViewport({ scale: 1 })
  const { items } = await page.getTextContent()
  let characters = 0
  let lostCount = 0
  const texts = new Map<string, string>()
  const pieces = items.flatMap((item): PdfPiece[] => {
    if (!('str' in item)) return []
    characters += item.str.length
    lostCount += countLost(item.str)
    texts.set(item.fontName, (texts.get(item.fontName) ?? '') + item.str.replaceAll(' ', ''))
    return [toPiece(item, transform as number[], { width, height })]
  })
  const lines = joinLines(pieces)
  const symbols = lines.reduce((sum, { text }) => sum + countSymbols(text), 0)
  return {
    width,
    height,
    lines,
    texts,
    isUnmapped: lostCount > maxLost || symbols > Math.max(maxLost, maxSymbolShare * characters),
  }
}

interface TextItem {
  readonly str: string
  readonly dir: string
  readonly transform: readonly unknown[]
  readonly width: number
  readonly height: number
  readonly hasEOL: boolean
}

/** Slanted text of less than so many degrees is read like the text around it. */
const maxSlant = 15

function toPiece(
  item: TextItem,
  view: readonly number[],
  page: { readonly width: number; readonly height: number },
): PdfPiece {
  const [a = 1, b = 0, c = 0, d = 1, e = 0, f = 0] = view
  const [ia = 0, ib = 0, ic = 0, id = 0, ix = 0, iy = 0] = item.transform as number[]
  // Multiplies both matrices, so that a page with a rotation reads like any other.
  const along = { x: a * ia + c * ib, y: b * ia + d * ib }
  const across = { x: a * ic + c * id, y: b * ic + d * id }
  const isVertical = item.dir === 'ttb'
  const exact = (Math.atan2(along.y, along.x) * 180) / Math.PI + (isVertical ? 90 : 0)
  const right = Math.round(exact / 90) * 90
  const angle = Math.abs(exact - right) <= maxSlant ? right : Math.round(exact)
  const at = turn({ x: a * ix + c * iy + e, y: b * ix + d * iy + f }, angle, page)
  return {
    text: cleanText(item.str),
    x: at.x,
    y: at.y,
    width: isVertical ? item.height : item.width,
    size: Math.hypot(across.x, across.y) || item.height,
    angle: (angle + 360) % 360,
    endsLine: item.hasEOL,
  }
}

/** Turns a point with its page around the page's middle, so that text at this angle becomes upright. */
function turn(
  { x, y }: { readonly x: number; readonly y: number },
  angle: number,
  { width, height }: { readonly width: number; readonly height: number },
): { readonly x: number; readonly y: number } {
  if (angle === 0) return { x, y }
  const radians = (angle * Math.PI) / 180
  const cos = Math.cos(radians)
  const sin = Math.sin(radians)
  const [middleX, middleY] = angle % 180 === 0 ? [width / 2, height / 2] : [height / 2, width / 2]
  const dx = x - width / 2
  const dy = y - height / 2
  return { x: middleX + dx * cos + dy * sin, y: middleY - dx * sin + dy * cos }
}

function webAddresses(urls: readonly string[]): string[] {
  return [...new Set(urls)].filter((url) => /^(https?|mailto):/i.test(url) && safeUrl(url) !== undefined)
}

async function readProperties(pdf: PdfDocument): Promise<{ readonly title: string; readonly hasXfa: boolean }> {
  const { info } = await pdf.getMetadata().catch(() => ({ info: {} }))
  const { Title, IsXFAPresent } = info as { readonly Title?: unknown; readonly IsXFAPresent?: unknown }
  const title = cleanText(String(Title ?? '')).trim()
  // For a document printed by a program, the title is a file name.
  const isName = /\.\w{2,5}$|^untitled|^microsoft|^\S*$/i.test(title)
  return { title: isName ? '' : title, hasXfa: IsXFAPresent === true }
}

type OutlineNode = Awaited<ReturnType<PdfDocument['getOutline']>>[number]

async function readOutline(pdf: PdfDocument): Promise<OutlineEntry[]> {
  const entries: OutlineEntry[] = []
  const visit = async (nodes: readonly OutlineNode[], level: number): Promise<void> => {
    for (const { title, dest, items } of nodes) {
      if (entries.length >= maxOutlineEntries) return
      const page = await pageOf(pdf, dest)
      if (page !== undefined) entries.push({ title: cleanText(title), level, page })
      if (level < 6) await visit(items as readonly OutlineNode[], level + 1)
    }
  }
  try {
    await visit((await pdf.getOutline()) ?? [], 1)
  } catch (error) {
    // The text can be read without the outline.
    if (error instanceof RangeError) throw error
    return []
  }
  return entries
}

async function pageOf(pdf: PdfDocument, dest: OutlineNode['dest']): Promise<number | undefined> {
  try {
    const destination = typeof dest === 'string' ? await pdf.getDestination(dest) : dest
    const [page] = (destination ?? []) as readonly unknown[]
    if (typeof page === 'number') return page + 1
    if (typeof page !== 'object' || page === null) return undefined
    return (await pdf.getPageIndex(page as Parameters<PdfDocument['getPageIndex']>[0])) + 1
  } catch (error) {
    // An entry without a valid target is ignored.
    if (error instanceof RangeError) throw error
    return undefined
  }
}
