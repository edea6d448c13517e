import { getDocument, VerbosityLevel } from 'unpdf/pdfjs'
import { safeUrl } from '../text/words.ts'
import type { OutlineEntry } from './pdf-headings.ts'
import { joinLines, type PdfPage, type PdfPiece } from './pdf-lines.ts'
import { decodeBytes } from './structure-decode.ts'
import { DocumentError } from './structure-error.ts'

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
  readonly images: number
}

/** Progress of reading a PDF. */
export type PdfStep =
  | { readonly is: 'opened'; readonly labels: readonly string[] }
  | { readonly is: 'page'; readonly number: number; readonly isBroken: boolean }

const maxOutlineEntries = 3_000
const maxLinks = 20_000
/** Where the end marker of a PDF is searched: some writers append data after it. */
const tailBytes = 65_536

/**
 * Reads the text of a PDF with PDF.js. Scripts and forms are not run, fonts not loaded, pictures
 * not decoded.
 *
 * @param options.maxPages - maximum number of pages
 * @param options.tell - called once with the pages' labels and then for each page
 * @throws DocumentError `ENCRYPTED`, `DAMAGED`, `TOO_MANY_PAGES`, `NO_TEXT_LAYER`
 */
export async function readPdf(
  bytes: Uint8Array,
  { maxPages, tell }: { readonly maxPages: number; readonly tell: (step: PdfStep) => void },
): Promise<PdfContent> {
  refuseCutOff(bytes)
  const images = countImages(bytes)
  const task = getDocument({
    // A copy, as PDF.js takes ownership of the bytes.
    data: new Uint8Array(bytes),
    disableFontFace: true,
    useSystemFonts: false,
    useWorkerFetch: false,
    enableXfa: false,
    stopAtErrors: false,
    verbosity: VerbosityLevel.ERRORS,
  })
  let pdf: PdfDocument
  try {
    pdf = await task.promise
  } catch (error) {
    throw toDocumentError(error)
  }
  const count = pdf.numPages
  if (count > maxPages)
    throw new DocumentError('TOO_MANY_PAGES', `The PDF has ${count} pages; at most ${maxPages} are read`)
  const labels = await pdf.getPageLabels().catch(() => null)
  tell({ is: 'opened', labels: Array.from({ length: count }, (_, index) => labels?.[index] || String(index + 1)) })
  const pages: PdfPage[] = []
  const broken: number[] = []
  const links: { page: number; url: string }[] = []
  for (let number = 1; number <= count; number += 1) {
    const label = labels?.[number - 1] || String(number)
    try {
      const page = await pdf.getPage(number)
      pages.push({ number, label, ...(await readPage(page)) })
      for (const url of await linksOf(page)) if (links.length < maxLinks) links.push({ page: number, url })
      page.cleanup()
      tell({ is: 'page', number, isBroken: false })
    } catch (error) {
      if (error instanceof RangeError) throw error
      broken.push(number)
      pages.push({ number, label, height: 0, lines: [] })
      tell({ is: 'page', number, isBroken: true })
    }
  }
  if (broken.length === count)
    throw new DocumentError('DAMAGED', `None of the PDF's ${count} pages can be read: the file is damaged`)
  if (pages.every(({ lines }) => lines.length === 0))
    throw new DocumentError(
      'NO_TEXT_LAYER',
      `The PDF has ${count === 1 ? 'one page' : `${count} pages`} and no text: it seems to be a scan, pictures of pages`,
    )
  const title = await titleOf(pdf)
  return { title, pages, outline: await readOutline(pdf), links, broken, images }
}

/** A PDF ends with the offset of its cross-reference table; a truncated file has none, or an earlier one. */
function refuseCutOff(bytes: Uint8Array): void {
  const head = decodeBytes(bytes.subarray(0, 2_048))
  const tail = decodeBytes(bytes.subarray(-tailBytes))
  const length = /\/Linearized[\s\S]{0,200}?\/L\s+(\d+)/.exec(head)?.[1]
  const isWhole = length === undefined || Number(length) <= bytes.length
  if (isWhole && (tail.includes('startxref') || tail.includes('%%EOF'))) return
  throw new DocumentError(
    'DAMAGED',
    'The PDF ends in the middle: its end is missing',
    'The upload may have been cut off, or the file itself is incomplete: import it again from where it is whole.',
  )
}

/** Images are streams, and stream dictionaries are stored uncompressed in the file. */
function countImages(bytes: Uint8Array): number {
  const text = decodeBytes(bytes)
  return text.match(/\/Subtype\s*\/Image\b/g)?.length ?? 0
}

function toDocumentError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if (error.name === 'PasswordException') return new DocumentError('ENCRYPTED', 'The PDF is protected by a password')
  if (error instanceof RangeError) return error
  return new DocumentError('DAMAGED', 'The PDF is damaged: it cannot be opened')
}

async function readPage(page: PdfPageProxy): Promise<Pick<PdfPage, 'height' | 'lines'>> {
  const { transform, height } = page.getViewport({ scale: 1 })
  const [a = 1, b = 0, c = 0, d = 1, e = 0, f = 0] = transform as number[]
  const { items } = await page.getTextContent()
  const pieces = items.flatMap((item): PdfPiece[] => {
    if (!('str' in item)) return []
    const [ia = 0, ib = 0, ic = 0, id = 0, ix = 0, iy = 0] = item.transform as number[]
    // Multiplies both matrices, so that a rotated page reads like any other.
    const along = { x: a * ia + c * ib, y: b * ia + d * ib }
    const across = { x: a * ic + c * id, y: b * ic + d * id }
    return [
      {
        text: cleanText(item.str),
        x: a * ix + c * iy + e,
        y: b * ix + d * iy + f,
        width: item.width,
        size: Math.hypot(across.x, across.y) || item.height,
        isRotated: Math.abs(along.y) > 0.3 * Math.abs(along.x),
        endsLine: item.hasEOL,
      },
    ]
  })
  return { height, lines: joinLines(pieces) }
}

/** Removes control characters and lone surrogates; expands ligatures and similar characters to letters. */
function cleanText(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(/[\ufb00-\ufb06]/g, (ligature) => ligature.normalize('NFKC'))
      // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the purpose
      .replace(/[\u0000-\u001f\u007f-\u009f\ufeff]/g, '')
  )
}

async function linksOf(page: PdfPageProxy): Promise<string[]> {
  const annotations: readonly { readonly subtype?: string; readonly url?: string }[] = await page.getAnnotations()
  const urls = annotations.flatMap(({ subtype, url }) => (subtype === 'Link' && url !== undefined ? [url] : []))
  return [...new Set(urls)].filter((url) => /^(https?|mailto):/i.test(url) && safeUrl(url) !== undefined)
}

async function titleOf(pdf: PdfDocument): Promise<string> {
  const { info } = await pdf.getMetadata().catch(() => ({ info: {} }))
  const title = cleanText(String((info as { readonly Title?: unknown }).Title ?? '')).trim()
  // For a document printed by a program, the title is a file name.
  return /\.\w{2,5}$|^untitled|^microsoft|^\S*$/i.test(title) ? '' : title
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
    const resolved = typeof dest === 'string' ? await pdf.getDestination(dest) : dest
    const [page] = (resolved ?? []) as readonly unknown[]
    if (typeof page === 'number') return page + 1
    if (typeof page !== 'object' || page === null) return undefined
    return (await pdf.getPageIndex(page as Parameters<PdfDocument['getPageIndex']>[0])) + 1
  } catch (error) {
    // An entry without a valid target is ignored.
    if (error instanceof RangeError) throw error
    return undefined
  }
}
