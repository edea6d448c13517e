import { escapeMarkdown } from '../../text/text.ts'
import type { PdfLine } from './pdf-lines.ts'

const bullet = /^[•▪◦‣●○■□–▸►]\s*(?=\S)/
const numbered = /^(\(?\d{1,3}[.)]|\(?[a-z]\))\s+(?=\S)/
const sentenceEnd = /[.!?:;”"')\]]$/

interface OpenBlock {
  text: string
  /** The minimum indent of its lines. */
  x: number
  last: PdfLine
  isItem: boolean
}

/** Joins lines into paragraphs and list items, as Markdown blocks. */
export function toBlocks(lines: readonly PdfLine[]): string[] {
  const leading = leadingOf(lines)
  const blocks: OpenBlock[] = []
  for (const line of lines) {
    const open = blocks.at(-1)
    const isItem = bullet.test(line.text) || numbered.test(line.text)
    if (open === undefined || isItem || !continuesBlock(open, line, leading)) {
      blocks.push({ text: line.text, x: line.x, last: line, isItem })
      continue
    }
    open.text = joinWords(open.text, line.text)
    open.x = Math.min(open.x, line.x)
    open.last = line
  }
  return blocks.map(toMarkdown)
}

function continuesBlock({ last, x, text }: OpenBlock, line: PdfLine, leading: number): boolean {
  if (line.angle !== last.angle) return false
  const step = line.y - last.y
  const isSameSize = Math.abs(line.size - last.size) <= 0.12 * last.size
  // In the next column: the paragraph continues if its sentence does.
  if (step <= 0) return isSameSize && !sentenceEnd.test(text) && /^\p{Ll}/u.test(line.text)
  if (!isSameSize || step > 1.3 * Math.max(leading, last.size)) return false
  const isIndented = line.x > x + 0.8 * line.size
  return !(isIndented && sentenceEnd.test(text))
}

/** The line distance within a paragraph: the median over candidate pairs of lines. */
function leadingOf(lines: readonly PdfLine[]): number {
  const steps = lines
    .flatMap((line, index) => {
      const before = lines[index - 1]
      const step = before === undefined ? 0 : line.y - before.y
      return step > 0 && step < 3 * line.size ? [step] : []
    })
    .sort((a, b) => a - b)
  return steps[Math.floor(steps.length / 2)] ?? 0
}

const unspaced = String.raw`[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\u3000-\u303f\uff00-\uff0f]`
const endsUnspaced = new RegExp(`${unspaced}$`, 'u')
const beginsUnspaced = new RegExp(`^${unspaced}`, 'u')

/**
 * Joins two lines: removes the hyphen of a word that was divided at the end of a line, keeps that of
 * a compound such as `North-South`, and adds no space in Chinese and Japanese text.
 */
function joinWords(before: string, after: string): string {
  if (endsUnspaced.test(before) && beginsUnspaced.test(after)) return before + after
  if (/\p{L}[-\u00ad\u2010]$/u.test(before) && /^\p{Ll}/u.test(after)) return before.slice(0, -1) + after
  if (/\p{L}[-\u2010]$/u.test(before) && /^[\p{Lu}\p{Nd}]/u.test(after)) return before + after
  return `${before} ${after}`
}

function toMarkdown({ text, isItem }: OpenBlock): string {
  const clean = text
    .replace(/\u00ad/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  if (isItem) {
    const dot = bullet.exec(clean)?.[0]
    if (dot !== undefined) return `- ${escapeMarkdown(clean.slice(dot.length))}`
    const number = /^\(?(\d{1,3})[.)]\s+/.exec(clean)
    if (number !== null) return `${number[1]}. ${escapeMarkdown(clean.slice(number[0].length))}`
  }
  return escapeMarkdown(clean)
    .replace(/^(#{1,6}(?=\s|$)|[-+=])/, '\\$1')
    .replace(/^(\d{1,9})([.)])(?=\s)/, '$1\\$2')
}
