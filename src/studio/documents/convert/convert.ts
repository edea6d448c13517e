import { setImmediate } from 'node:timers/promises'
import { foldText } from '../../text/fold.ts'
import type { findMainElements } from '../main-content/page.ts'
import { markMainContent } from '../main-content/sections.ts'
import { type Passage, toPassages } from '../passages.ts'
import { type DocumentInput, type DocumentStructure, sayLeftOut, structureSteps } from '../structure/structure.ts'
import { type DocumentFormat, detectFormat } from '../structure/structure-decode.ts'
import { DocumentError } from '../structure/structure-error.ts'
import type { ConversionRequest, ConversionStep, ConvertedDocument } from './conversion.ts'
import { sanitize } from './sanitize.ts'

/**
 * Converts a document: detects its format and reads it. It blocks, and may exhaust the resources of
 * its process: only `convert-child.ts` calls it.
 *
 * @throws DocumentError, and any error of the readers
 */
export async function convertFile(
  request: ConversionRequest,
  report: (step: ConversionStep) => void,
): Promise<ConvertedDocument> {
  const format = detectFormat(request.name, request.bytes)
  const structure = sanitize(markMainContent(await convert({ ...request, format }, report)))
  const { sections, title, wordCount, notes, links, pages } = structure
  return {
    format,
    title,
    wordCount,
    notes,
    links,
    ...(pages === undefined ? {} : { pages }),
    sectionCount: sections.length,
    sections: [...toJsonParts(sections)],
    passages: [...toJsonParts(toPassages(structure).map(toSearchable))],
  }
}

/** Adds the folded heading and text of a passage, which search uses. */
function toSearchable(passage: Passage): Passage & { readonly foldedHeading: string; readonly foldedText: string } {
  return { ...passage, foldedHeading: foldText(passage.heading), foldedText: foldText(passage.text) }
}

const defaultPartCharacters = 1_000_000

/**
 * Serializes a list in parts, each an array.
 * @param partCharacters - a part ends with the item that reaches it; 1,000,000 by default
 */
export function* toJsonParts(
  items: Iterable<unknown>,
  partCharacters = defaultPartCharacters,
): Generator<string, void> {
  let part: string[] = []
  let length = 0
  for (const item of items) {
    const json = JSON.stringify(item)
    part.push(json)
    length += json.length
    if (length < partCharacters) continue
    yield `[${part.join(',')}]`
    part = []
    length = 0
  }
  if (part.length > 0) yield `[${part.join(',')}]`
}

/**
 * Reads a document of a known format.
 * @throws DocumentError, and any error of the readers
 */
export async function convert(
  { format, bytes, name, limits }: ConversionRequest & { readonly format: DocumentFormat },
  report: (step: ConversionStep) => void,
): Promise<DocumentStructure> {
  switch (format) {
    case 'MARKDOWN':
    case 'PLAIN_TEXT':
      return structureText({ format, bytes, name, maxBytes: limits.maxBytes }, report)
    case 'PDF': {
      const [{ readPdf }, { structurePdf }] = await Promise.all([
        import('../pdf/pdf.ts'),
        import('../pdf/pdf-structure.ts'),
      ])
      const content = await readPdf(bytes, { maxPages: limits.maxPages, report })
      report({ is: 'structuring', percent: 0 })
      const structure = structurePdf(content, name)
      report({ is: 'structuring', percent: 100 })
      return structure
    }
    case 'DOCX': {
      const [{ checkArchive, docxToHtml }, { prepareDocx }] = await Promise.all([
        import('../docx/docx.ts'),
        import('../docx/docx-parts.ts'),
      ])
      let reportedPercent = 0
      const parts = checkArchive(bytes, limits, (done, total) => {
        const percent = Math.floor((done / Math.max(1, total)) * 100)
        if (percent > reportedPercent) report({ is: 'checking', percent })
        reportedPercent = Math.max(reportedPercent, percent)
      })
      report({ is: 'extracting', percent: 0 })
      const { html, notes } = await docxToHtml(prepareDocx(parts))
      return structureHtml({ html, notes, name, limits, from: 50 }, report)
    }
    case 'HTML': {
      const [{ decodeHtml }, { findMainElements }] = await Promise.all([
        import('./html.ts'),
        import('../main-content/page.ts'),
      ])
      report({ is: 'extracting', percent: 0 })
      const { text: html, notes } = decodeHtml(bytes)
      return structureHtml({ html, notes, name, limits, from: 0, findMain: findMainElements }, report)
    }
  }
}

async function extractText<T>(parts: Generator<number, T, void>, report: (percent: number) => void): Promise<T> {
  let reportedPercent = 0
  for (;;) {
    const part = parts.next()
    if (part.done === true) return part.value
    if (part.value >= reportedPercent + 1) report(part.value)
    reportedPercent = Math.max(reportedPercent, Math.floor(part.value))
    // Lets pending progress messages leave the process.
    await setImmediate()
  }
}

interface HtmlSource extends Pick<ConversionRequest, 'name' | 'limits'> {
  readonly html: string
  readonly notes: readonly string[]
  /** The percentage of the extraction at which the conversion of the HTML begins. */
  readonly from: number
  readonly findMain?: typeof findMainElements
}

async function structureHtml(
  { html, notes, name, limits, from, findMain }: HtmlSource,
  report: (step: ConversionStep) => void,
): Promise<DocumentStructure> {
  const { htmlToMarkdown } = await import('./html.ts')
  const page = await extractText(htmlToMarkdown(html, findMain), (percent) =>
    report({ is: 'extracting', percent: Math.floor(from + percent * (1 - from / 100)) }),
  )
  if (page.markdown.trim() === '') throw new DocumentError('NO_TEXT', 'The document holds no text')
  const { markdown: text, asides } = page
  const {
    title,
    notes: own,
    ...structure
  } = await structureText({ format: 'MARKDOWN', text, asides, name, maxBytes: limits.maxTextCharacters }, report)
  return {
    ...structure,
    title: !page.hasHeading && page.title !== '' ? page.title : title,
    notes: [...notes, ...sayLeftOut(page.images), ...page.notes, ...own],
  }
}

async function structureText(input: DocumentInput, report: (step: ConversionStep) => void): Promise<DocumentStructure> {
  const steps = structureSteps(input)
  let reportedPercent = -1
  for (;;) {
    const step = await steps.next()
    if (step.done === true) return step.value
    const percent = Math.floor((step.value.done / Math.max(1, step.value.total)) * 100)
    if (percent > reportedPercent) report({ is: 'structuring', percent })
    reportedPercent = Math.max(reportedPercent, percent)
  }
}
