/**
 * Finds JSON objects in text that comes in pieces, whatever stands around them: one to a line, in an array, in a property of
 * another object, in a fence of Markdown, with words in between.
 */
export interface JsonObjects {
  /** Adds a piece and returns the objects that it completes, inner ones before those they stand in, as text. */
  add(piece: string): string[]
}

/** Objects longer than this are given up, so that a text without an end costs no more than this. */
const maxCharacters = 100_000

/** Creates the finder. */
export function createJsonObjects(): JsonObjects {
  let text = ''
  let at = 0
  let isString = false
  const starts: number[] = []
  return {
    add(piece) {
      text += piece
      const found: string[] = []
      for (; at < text.length; at += 1) {
        const character = text[at]
        if (isString) {
          if (character === '\\') at += 1
          else if (character === '"') isString = false
        } else if (character === '"') isString = starts.length > 0
        else if (character === '{') starts.push(at)
        else if (character === '}') {
          const start = starts.pop()
          if (start !== undefined) found.push(text.slice(start, at + 1))
        }
      }
      if (starts.length === 0 || text.length > maxCharacters) {
        text = ''
        at = 0
        starts.length = 0
        isString = false
      }
      return found
    },
  }
}

/** Parses JSON as models write it: with commas too many and line breaks in strings. @returns undefined when it is none */
export function parseLenient(text: string): unknown {
  for (const candidate of [text, mend(text)])
    try {
      return JSON.parse(candidate) as unknown
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
  return undefined
}

function mend(text: string): string {
  return text
    .replace(/"(?:[^"\\]|\\[\s\S])*"/g, (string) =>
      string
        .replace(/\n/g, '\\n')
        .replace(/\t/g, '\\t')
        .replace(/\\(?!["\\/bfnrtu])/g, '\\\\'),
    )
    .replace(/,(\s*[}\]])/g, '$1')
}
