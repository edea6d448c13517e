import { countWords } from '../text/text.ts'

/** Text with longer words, or without words, is split by its characters. */
const charactersPerWord = 16
/** A paragraph of more characters is split even without line breaks. */
const maxBlockCharacters = 8_000

/**
 * Splits Markdown into parts of about the same size, between blocks and never inside a fenced code
 * block. A list may be split between items; a single paragraph of many pages is split between
 * words.
 *
 * @param maxWords - size of a part; a longer code block is not split
 */
export function splitMarkdown(text: string, maxWords: number): string[] {
  const blocks = blocksOf(text).map((block) => ({ block, words: sizeOf(block) }))
  const total = blocks.reduce((sum, { words }) => sum + words, 0)
  const goal = total / Math.max(1, Math.ceil(total / maxWords))
  const parts: string[][] = [[]]
  let words = 0
  for (const next of blocks) {
    if (words > 0 && words + next.words / 2 > goal) {
      parts.push([])
      words = 0
    }
    parts.at(-1)?.push(next.block)
    words += next.words
  }
  return parts.map((part) => part.join('').trim()).filter((part) => part !== '')
}

function sizeOf(block: string): number {
  return Math.max(countWords(block), Math.ceil(block.trim().length / charactersPerWord))
}

/** Splits text into blocks with the white space that follows them; joined they give the original text. */
function blocksOf(text: string): string[] {
  const blocks: string[] = []
  let current = ''
  let fence: string | undefined
  const close = () => {
    if (current !== '') blocks.push(...cutLong(current))
    current = ''
  }
  let isAfterEmpty = false
  for (const line of text.split(/(?<=\n)/)) {
    const isItem = /^([-+*]|\d{1,9}[.)])\s/.test(line)
    // Indented lines belong to the item or code above them.
    if (fence === undefined && (isItem || (isAfterEmpty && /^\S/.test(line)))) close()
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence === undefined) fence = mark
    else if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined
    current += line
    isAfterEmpty = line.trim() === ''
  }
  if (fence === undefined) close()
  else blocks.push(current)
  return blocks
}

function cutLong(block: string): string[] {
  if (block.length <= maxBlockCharacters || /^ {0,3}(```|~~~)/.test(block)) return [block]
  return (
    block.match(new RegExp(`[\\s\\S]{1,${maxBlockCharacters}}(?:\\s|$)|[\\s\\S]{1,${maxBlockCharacters}}`, 'g')) ?? [
      block,
    ]
  )
}
