import { escapeMarkdown, shorten } from '../../text/text.ts'

/** A section of a plain text: its heading and its paragraphs as Markdown. */
interface PlainSection {
  /** Undefined for text before the first heading. */
  readonly heading: string | undefined
  readonly level: number
  readonly body: string
}

interface PlainHeading {
  readonly from: number
  /** The first line after the heading. */
  readonly to: number
  readonly text: string
  readonly kind: 'DOUBLE_RULE' | 'RULE' | 'PART' | 'CHAPTER' | 'CAPITALS' | `NUMBER_${number}`
}

/** Reading progress, in lines. */
interface PlainProgress {
  readonly done: number
  readonly total: number
}

const maxHeadingCharacters = 100
/** Longer blocks of lines are split. */
const maxParagraphLines = 2_000
const pauseLines = 5_000
const partWords = 450
const chapterWord =
  /^(part|book|volume|teil|partie|parte|chapter|section|appendix|lesson|unit|kapitel|chapitre|capítulo|capitolo|anhang|lektion)\s+([\divxlc]{1,7}|[a-z]|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b[.:)–—-]*\s*(.*)$/i
const partWord = /^(part|book|volume|teil|partie|parte)\b/i

/**
 * Splits plain text into sections. Headings are lines underlined with `===` or `---`, "Chapter 4",
 * "1.2 Title" and lines in capitals, each with blank lines around it. A text without headings is
 * grouped, paragraph by paragraph, into parts of about 450 words.
 *
 * @param text - normalised text (see `normalizeText`)
 * @returns sections in order; yields the number of processed lines from time to time
 */
export function* readPlainSections(text: string): Generator<PlainProgress, PlainSection[]> {
  const lines = text.split('\n')
  const headings: PlainHeading[] = []
  for (let index = 0; index < lines.length; ) {
    const heading = headingAt(lines, index)
    if (heading !== undefined) headings.push(heading)
    const next = heading?.to ?? index + 1
    if (Math.floor(next / pauseLines) > Math.floor(index / pauseLines)) yield { done: index, total: lines.length }
    index = next
  }
  if (headings.length === 0) return groupIntoParts(yield* paragraphsOf(lines, lines.length))
  const levels = levelsOf(headings)
  const sections: PlainSection[] = []
  const [first] = headings
  const before = (yield* paragraphsOf(lines.slice(0, first?.from), lines.length)).join('\n\n')
  if (before !== '') sections.push({ heading: undefined, level: 1, body: before })
  for (const [index, heading] of headings.entries()) {
    const body = (yield* paragraphsOf(lines.slice(heading.to, headings[index + 1]?.from), lines.length)).join('\n\n')
    sections.push({ heading: heading.text, level: levels.get(heading.kind) ?? 1, body })
    if (index % 500 === 499) yield { done: heading.to, total: lines.length }
  }
  return sections
}

function headingAt(lines: readonly string[], index: number): PlainHeading | undefined {
  const line = (lines[index] ?? '').trim()
  if (line === '' || line.length > maxHeadingCharacters || !isBlank(lines[index - 1])) return undefined
  const rule = ruleKind(lines[index + 1], line)
  if (rule !== undefined && /\p{L}/u.test(line)) return { from: index, to: index + 2, text: line, kind: rule }
  // A title between two rules, as in reStructuredText.
  const inner = (lines[index + 1] ?? '').trim()
  const outer = ruleKind(line, inner)
  if (outer !== undefined && ruleKind(lines[index + 2], inner) !== undefined && /\p{L}/u.test(inner))
    return { from: index, to: index + 3, text: inner, kind: outer }
  const chapter = chapterWord.exec(line)
  if (chapter !== null && !/[,;]$/.test(line)) {
    const kind = partWord.test(line) ? 'PART' : 'CHAPTER'
    if (isBlank(lines[index + 1]))
      return /[a-z]\.$/.test(line) ? undefined : { from: index, to: index + 1, text: line, kind }
    // "CHAPTER I." with its title on the next line.
    if (chapter[3] === '' && isBlank(lines[index + 2]) && inner.length <= maxHeadingCharacters)
      return { from: index, to: index + 2, text: `${line.replace(/[.:]$/, '')}: ${inner}`, kind }
  }
  if (!isBlank(lines[index + 1])) return undefined
  const number = /^(\d{1,3}(?:\.\d{1,3}){0,5})[.)]?\s+(\p{Lu}.*)$/u.exec(line)
  if (number !== null && isTitle(line))
    return { from: index, to: index + 1, text: line, kind: `NUMBER_${(number[1] ?? '').split('.').length}` }
  const letters = line.match(/\p{L}/gu)?.length ?? 0
  const isCapitals =
    letters >= 4 && letters > line.length / 2 && line === line.toUpperCase() && line !== line.toLowerCase()
  return isCapitals && !/[,;]$/.test(line) && !/\.{4,}/.test(line)
    ? { from: index, to: index + 1, text: line, kind: 'CAPITALS' }
    : undefined
}

/** Whether a line is neither a sentence nor an entry of a table of contents with dots and a page. */
function isTitle(line: string): boolean {
  return !/[.,;:!]$/.test(line) && !/\.{4,}/.test(line) && line.split(/\s+/).length <= 14
}

function isBlank(line: string | undefined): boolean {
  return line === undefined || line.trim() === ''
}

function ruleKind(line: string | undefined, title: string): 'DOUBLE_RULE' | 'RULE' | undefined {
  const rule = line?.trim() ?? ''
  if (title === '' || rule.length < Math.max(3, title.length / 2)) return undefined
  if (/^=+$/.test(rule)) return 'DOUBLE_RULE'
  return /^(-+|~+|\^+|\*+)$/.test(rule) ? 'RULE' : undefined
}

/** Assigns levels without gaps to the kinds of heading that occur, most significant first. */
function levelsOf(headings: readonly PlainHeading[]): ReadonlyMap<PlainHeading['kind'], number> {
  const kinds = new Set(headings.map(({ kind }) => kind))
  const order: PlainHeading['kind'][] = ['PART', 'CHAPTER', 'DOUBLE_RULE', 'RULE']
  // Numbered texts use capitals for unnumbered parts ("ABSTRACT", "APPENDIX"): same rank as
  // chapters.
  const levels = new Map<PlainHeading['kind'], number>()
  let level = 0
  for (const kind of order) if (kinds.has(kind)) levels.set(kind, Math.min(++level, 6))
  const top = Math.min(kinds.has('CAPITALS') && level > 0 ? level + 1 : Math.max(level, 1), 6)
  levels.set('CAPITALS', top)
  const numberBase = kinds.has('CAPITALS') ? top - 1 : level
  for (let depth = 1; depth <= 6; depth += 1) levels.set(`NUMBER_${depth}`, Math.min(numberBase + depth, 6))
  return levels
}

function* paragraphsOf(lines: readonly string[], total: number): Generator<PlainProgress, string[]> {
  const paragraphs: string[] = []
  let current: string[] = []
  for (const [index, line] of [...lines, ''].entries()) {
    const isLong = current.length >= maxParagraphLines
    if (!isBlank(line)) current.push(line)
    if ((isBlank(line) || isLong) && current.length > 0) {
      paragraphs.push(paragraphOf(current))
      current = []
    }
    if (index % pauseLines === pauseLines - 1) yield { done: total, total }
  }
  return paragraphs
}

const listStart = /^(\s*)([-+*•–]|\d{1,3}[.)])\s+(.*)$/

function paragraphOf(lines: readonly string[]): string {
  const isIndented = lines.every((line) => /^( {4}|\t)/.test(line))
  // Indented text is code only when it looks like it; old documents indent everything.
  if (isIndented && /[{}()[\];=<>$|]/.test(lines.join(''))) {
    const code = lines.map((line) => line.replace(/^( {4}|\t)/, '')).join('\n')
    const fence = '`'.repeat(Math.max(3, ...[...code.matchAll(/`+/g)].map(([run]) => run.length + 1)))
    return `${fence}\n${code}\n${fence}`
  }
  return lines.map(toMarkdownLine).join('\n')
}

function toMarkdownLine(line: string, index: number): string {
  const item = listStart.exec(line)
  if (item !== null) {
    const marker = /\d/.test(item[2] ?? '') ? item[2] : '-'
    return `${marker} ${escapeMarkdown(item[3] ?? '')}`
  }
  const text = line.trim()
  if (/^([-=]{2,}|[-*_\s]{3,})$/.test(text)) return index === 0 ? '---' : `\\${text}`
  return escapeMarkdown(text).replace(/^(#{1,6}(?=\s|$)|[-+=])/, '\\$1')
}

function groupIntoParts(paragraphs: readonly string[]): PlainSection[] {
  const groups: string[][] = []
  let words = Number.POSITIVE_INFINITY
  for (const paragraph of paragraphs) {
    if (words >= partWords) {
      groups.push([])
      words = 0
    }
    groups.at(-1)?.push(paragraph)
    words += paragraph.split(/\s+/).length
  }
  return groups.map((group, index) => ({
    heading: groups.length === 1 ? undefined : `Part ${index + 1}: ${shorten((group[0] ?? '').replace(/\\/g, ''), 50)}`,
    level: 1,
    body: group.join('\n\n'),
  }))
}
