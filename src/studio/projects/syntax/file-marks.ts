/** A part of a streamed answer: the start of a file, or more of its text. */
export type Marked = { readonly is: 'file'; readonly path: string } | { readonly is: 'text'; readonly text: string }

/**
 * Finds files in a model's answer: a line `=== path ===` starts a file, and the following text is
 * its content.
 */
interface FileMarks {
  /**
   * Adds a piece and returns the parts that it completes. A line that may still become a mark is
   * held back until it is complete.
   */
  add(piece: string): Marked[]
  /** Returns the remaining parts. */
  end(): Marked[]
}

const mark = /^={3,}\s*(?:file:?\s*)?[`"']?([^=`"']+?)[`"']?\s*={3,}\s*$/i
const maxMarkCharacters = 300
const last = /^={3,}\s*end\s*={3,}\s*$/i

/** Creates the finder. Text before the first file is ignored; fences around a file's content are removed. */
export function createFileMarks(): FileMarks {
  let line = ''
  /** Whether the current line is passed through as it arrives. */
  let isTransient = false
  let isInFile = false
  let isFirstLine = false
  let isFenced = false

  const readLine = (text: string): Marked[] => {
    const bare = text.replace(/\r?\n$/, '')
    // A longer line is no mark.
    if (bare.length > maxMarkCharacters) {
      isFirstLine = false
      return isInFile ? [{ is: 'text', text }] : []
    }
    if (last.test(bare)) {
      isInFile = false
      return []
    }
    const path = mark.exec(bare)?.[1]
    if (path !== undefined) {
      isInFile = true
      isFirstLine = true
      isFenced = false
      return [{ is: 'file', path: path.trim() }]
    }
    if (!isInFile) return []
    const isOpening = isFirstLine && /^`{3,}[\w-]*\s*$/.test(bare)
    const isClosing = isFenced && /^`{3,}\s*$/.test(bare)
    if (isFirstLine && bare.trim() === '') return []
    isFirstLine = false
    if (isOpening) isFenced = true
    if (isClosing) isInFile = false
    return isOpening || isClosing ? [] : [{ is: 'text', text }]
  }
  return {
    add(piece) {
      const marks: Marked[] = []
      for (const part of piece.split(/(?<=\n)/)) {
        line += part
        const isWhole = line.endsWith('\n')
        const mayBeMark = /^[=`\s]|^$/.test(line) || !isInFile || isFirstLine
        if (isTransient || (isInFile && !isWhole && !mayBeMark)) {
          marks.push({ is: 'text', text: part })
          isTransient = !isWhole
          line = ''
        } else if (isWhole) {
          marks.push(...readLine(line))
          line = ''
        }
      }
      return marks
    },
    end() {
      const rest = line === '' ? [] : readLine(line)
      line = ''
      return rest
    },
  }
}
