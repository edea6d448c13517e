/** What a text that comes in pieces says about files: one begins, or goes on. */
export type Marked = { readonly is: 'file'; readonly path: string } | { readonly is: 'text'; readonly text: string }

/** Finds files in a model's answer: `=== path ===` on a line of its own begins one, all that follows is its content. */
export interface FileMarks {
  /** Adds a piece; returns what it tells. A line that may yet turn out to be a mark is held back until it is complete. */
  add(piece: string): Marked[]
  /** The rest. */
  end(): Marked[]
}

const mark = /^={3,}\s*(?:file:?\s*)?[`"']?([^=`"']+?)[`"']?\s*={3,}\s*$/i
const last = /^={3,}\s*end\s*={3,}\s*$/i

/** Creates the finder. What comes before the first file is talk; fences around a file's content are left out. */
export function createFileMarks(): FileMarks {
  let line = ''
  /** Whether the present line is being handed on as it comes. */
  let isPassing = false
  let isInFile = false
  let isFirstLine = false
  let isFenced = false

  const readLine = (text: string): Marked[] => {
    const bare = text.replace(/\r?\n$/, '')
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
      const found: Marked[] = []
      for (const part of piece.split(/(?<=\n)/)) {
        line += part
        const isWhole = line.endsWith('\n')
        const mayBeMark = /^[=`\s]|^$/.test(line) || !isInFile || isFirstLine
        if (isPassing || (isInFile && !isWhole && !mayBeMark)) {
          found.push({ is: 'text', text: part })
          isPassing = !isWhole
          line = ''
        } else if (isWhole) {
          found.push(...readLine(line))
          line = ''
        }
      }
      return found
    },
    end() {
      const rest = line === '' ? [] : readLine(line)
      line = ''
      return rest
    },
  }
}
