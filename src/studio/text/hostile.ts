/** Lists and quotes in one another; the parser is recursive, and nobody reads deeper. */
const maxNesting = 16
/** A list or quote that begins further to the right counts as nested too deep. */
const maxIndent = 40
/** Emphasis signs or brackets in one paragraph; the parser's time grows with their square. */
const maxSigns = 400
/** Neither markup nor part of a word or an address: the parser looks back over the paragraph for each of those. */
const filler = ','

/** Items, rows and definitions are parsed each on its own: many of them are no sign of ill will. */
const blockStart = /^\s*([-+*]\s|\d{1,9}[.)]\s|\||\[[^[\]]+\]:|$)/
const containerPrefix = /^(?:[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t])))+/

/**
 * Replaces, sign by sign, what would take the Markdown parser quadratic time or its stack: nesting, emphasis and brackets
 * beyond what anybody writes. Lengths and line ends stay, so that places in the result are places in the text.
 */
export function maskHostile(text: string): string {
  let brackets = 0
  let emphasis = 0
  let isHostile = false
  const lines = text.split('\n').map((line) => {
    const prefix = containerPrefix.exec(line)?.[0] ?? ''
    const depth = prefix.match(/>|[-+*](?=[ \t]|$)|\d[.)]/g)?.length ?? 0
    if (blockStart.test(line)) {
      brackets = 0
      emphasis = 0
    }
    brackets += line.match(/[[\]<]/g)?.length ?? 0
    emphasis += line.match(/[*_~]+/g)?.length ?? 0
    if (brackets > maxSigns || emphasis > maxSigns) {
      isHostile = true
      return line.replace(/[[\]<*_~]/g, filler)
    }
    if (depth <= maxNesting && prefix.length - prefix.trimStart().length <= maxIndent) return line
    isHostile = true
    return prefix.replace(/[^ \t]/g, filler) + line.slice(prefix.length)
  })
  return isHostile ? lines.join('\n') : text
}
