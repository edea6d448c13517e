import { countWords, createSlugger, shorten } from '../../text/text.ts'
import {
  type DocumentStructure,
  fallbackTitle,
  maxSections,
  type PageStart,
  type Section,
  sayLeftOut,
  toLevel,
} from '../structure/structure.ts'
import type { PdfContent } from './pdf.ts'
import { toBlocks } from './pdf-blocks.ts'
import { findHeadings } from './pdf-headings.ts'
import { dropRunningLines, mainAngle, type PdfPage } from './pdf-lines.ts'

interface OpenSection {
  readonly heading: string
  readonly level: number
  readonly page: number
  body: string
}

/** Creates sections of a PDF's text: under its headings, or one per page when it has none. */
export function structurePdf(content: PdfContent, name: string): DocumentStructure {
  const { pages, isChanged } = dropRunningLines(content.pages)
  const headings = findHeadings(pages, content.outline)
  const isPlain = headings.size === 0
  const title = shorten(
    content.title || largestText(pages[0]) || firstHeading(headings) || fallbackTitle(name, ''),
    200,
  )
  const sections: OpenSection[] = []
  const starts: { number: number; label: string; section: number; offset: number }[] = []
  const open = (heading: string, level: number, page: number): void => {
    if (sections.length < maxSections) sections.push({ heading, level, page, body: '' })
    else add([heading])
  }
  const add = (blocks: readonly string[]): void => {
    const section = sections.at(-1)
    if (section !== undefined && blocks.length > 0) section.body += (section.body && '\n\n') + blocks.join('\n\n')
  }
  for (const { number, label, lines } of pages) {
    const own = headings.get(number) ?? []
    let isBegun = false
    const begin = (section: OpenSection | undefined): void => {
      if (isBegun || section === undefined) return
      isBegun = true
      const offset = section.body === '' ? 0 : section.body.length + 2
      starts.push({ number, label, section: sections.length - 1, offset })
    }
    if (isPlain && (lines.length > 0 || sections.length === 0))
      open(pages.length === 1 ? title : `Page ${label}`, 1, number)
    let at = 0
    for (const { text, level, from, to } of own) {
      const blocks = toBlocks(lines.slice(at, from))
      if (blocks.length > 0) {
        if (sections.length === 0) open('Introduction', 1, number)
        begin(sections.at(-1))
        add(blocks)
      }
      open(text, level, number)
      begin(sections.at(-1))
      at = to
    }
    const rest = toBlocks(lines.slice(at))
    if (rest.length > 0 && sections.length === 0) open('Introduction', 1, number)
    // A page without text begins where the previous one ends.
    begin(sections.at(-1))
    add(rest)
    if (!isBegun) starts.push({ number, label, section: 0, offset: 0 })
  }
  return finish(content, { title, sections, starts, isChanged })
}

/** Returns the largest text of a page, when it is larger than the rest and looks like a title. */
function largestText(page: PdfPage | undefined): string {
  const main = mainAngle(page?.lines ?? [])
  const lines = page?.lines.filter(({ angle }) => angle === main) ?? []
  const size = Math.max(0, ...lines.map((line) => line.size))
  const from = lines.findIndex((line) => line.size === size)
  const to = lines.findIndex((line, index) => index > from && line.size !== size)
  const text = lines
    .slice(from, to === -1 ? lines.length : to)
    .map((line) => line.text)
    .join(' ')
  return to - from <= 4 && to !== -1 && text.length <= 200 && /\p{L}{3}/u.test(text) ? text : ''
}

function firstHeading(headings: ReturnType<typeof findHeadings>): string {
  const all = [...(headings.get(1) ?? []), ...(headings.get(2) ?? [])]
  return all.toSorted((a, b) => a.level - b.level)[0]?.text ?? ''
}

function finish(
  { links, broken, unmapped, images, pages, notes: own }: PdfContent,
  found: {
    readonly title: string
    readonly sections: readonly OpenSection[]
    readonly starts: readonly { number: number; label: string; section: number; offset: number }[]
    readonly isChanged: boolean
  },
): DocumentStructure {
  const keyOf = createSlugger()
  let wordCount = 0
  const sections = found.sections.map(({ heading, level, page, body }, position): Section => {
    wordCount += countWords(heading) + countWords(body)
    return { key: keyOf(heading), level: toLevel(level), heading, body, position, page }
  })
  const starts = found.starts.map(({ number, label, section, offset }): PageStart => {
    const { key = '', body = '' } = sections[section] ?? {}
    return { number, label, sectionKey: key, offset: Math.min(offset, body.length) }
  })
  const reportedPages = new Set([...broken, ...unmapped])
  const empty = pages.filter(({ number, lines }) => lines.length === 0 && !reportedPages.has(number))
  const notes = [
    ...sayLeftOut(images),
    ...sayPages(broken, (pageNames) => `${pageNames} could not be read.`),
    ...sayPages(
      empty.map(({ number }) => number),
      (pageNames) => `${pageNames} ${empty.length === 1 ? 'is' : 'are'} without text.`,
    ),
    ...sayPages(
      unmapped,
      (pageNames) => `${pageNames}: fonts do not say which letters they show, so text is missing or wrong.`,
    ),
    ...own,
    ...(found.isChanged ? ['Page numbers and titles that repeat at the edges of pages were left out.'] : []),
  ]
  return {
    title: found.title,
    sections,
    links: links.map(({ page, url }) => ({ text: url, url, sectionKey: starts[page - 1]?.sectionKey ?? '' })),
    wordCount,
    notes,
    pages: starts,
  }
}

/** A note on some pages; empty when there are none. */
function sayPages(numbers: readonly number[], sentence: (pages: string) => string): string[] {
  if (numbers.length === 0) return []
  const rest = numbers.length > 10 ? ` and ${numbers.length - 10} more` : ''
  return [sentence(`${numbers.length === 1 ? 'Page' : 'Pages'} ${numbers.slice(0, 10).join(', ')}${rest}`)]
}
