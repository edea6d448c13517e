/** The deepest nesting of arrays and objects in the JSON that clients send. */
export const maxJsonDepth = 100

const [quote, backslash, openBracket, closeBracket, openBrace, closeBrace] = Buffer.from('"\\[]{}')

/**
 * Whether a JSON text is nested deeper than {@link maxJsonDepth}. To be checked before the text is
 * parsed: `JSON.parse` takes a hundred times as long for nested brackets as for other text of the
 * same size. Text that is not valid JSON is left to the parser.
 */
export function isJsonTooDeep(text: Uint8Array): boolean {
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const byte = text[index]
    if (byte === quote) {
      index = endOfString(text, index)
      if (index === -1) return false
    } else if (byte === openBracket || byte === openBrace) {
      depth++
      if (depth > maxJsonDepth) return true
    } else if (byte === closeBracket || byte === closeBrace) depth--
  }
  return false
}

/** Returns the index of the quote that ends a string; -1 when there is none. */
function endOfString(text: Uint8Array, start: number): number {
  for (let end = text.indexOf(quote ?? 0, start + 1); end !== -1; end = text.indexOf(quote ?? 0, end + 1)) {
    let escapes = 0
    while (text[end - 1 - escapes] === backslash) escapes++
    if (escapes % 2 === 0) return end
  }
  return -1
}
