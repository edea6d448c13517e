/**
 * Finds JSON objects in streamed text, regardless of the surrounding text: one per line, in an
 * array, in a property of another object, in a Markdown fence, or between sentences.
 */
interface JsonObjects {
  /**
   * Adds a piece and returns the text of each object that it completes, inner objects before the
   * enclosing ones.
   */
  add(piece: string): string[]
}

/** A longer answer without an end is discarded, which bounds the memory for an object that is never closed. */
const maxCharacters = 100_000

/** A question has fewer; each object of a deeply nested answer would be read again in those around it. */
const maxObjectCharacters = 8_000

/** Creates the finder. */
export function createJsonObjects(): JsonObjects {
  let text = ''
  let at = 0
  let isString = false
  const starts: number[] = []
  return {
    add(piece) {
      text += piece
      const objects: string[] = []
      for (; at < text.length; at += 1) {
        const character = text[at]
        if (isString) {
          if (character === '\\') at += 1
          else if (character === '"') isString = false
        } else if (character === '"') isString = starts.length > 0
        else if (character === '{') starts.push(at)
        else if (character === '}') {
          const start = starts.pop()
          if (start !== undefined && at - start < maxObjectCharacters) objects.push(text.slice(start, at + 1))
        }
      }
      if (starts.length === 0 || text.length > maxCharacters) {
        text = ''
        at = 0
        starts.length = 0
        isString = false
      }
      return objects
    },
  }
}

/**
 * Parses JSON as models write it: with superfluous commas and with line breaks in strings.
 * @returns undefined when the text is not JSON
 */
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
