/**
 * Maximum depth of nested lists and quotes; the parser is recursive, and real documents are not
 * nested deeper.
 */
const maxNesting = 16
/** A list or quote with a greater indent counts as nested too deeply. */
const maxIndent = 40
/**
 * Maximum number of emphasis signs or brackets in one paragraph; the parser's time is quadratic in
 * them: 1,600 take about 0.1 s.
 */
const maxSigns = 1_600
/**
 * Neither markup nor part of a word or an address: for each of those the parser looks back over the
 * paragraph.
 */
const filler = ','

/**
 * Brackets, and runs of emphasis signs; the first alternative skips escaped signs, which are no
 * markup, as are underscores within words. Escaping all markup of a text makes it harmless.
 */
const signs = /\\[^\n]|[[\]<]|[*~]+|(?<![\p{L}\p{N}])_+|_+(?![\p{L}\p{N}])/gu

/** Items, rows and definitions are each parsed separately: many of them are not a sign of an attack. */
const blockStart = /^\s*([-+*]\s|\d{1,9}[.)]\s|\||\[[^[\]]+\]:|$)/
const containerPrefix = /^(?:[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t])))+/

/**
 * Replaces, character by character, markup that would cost the Markdown parser quadratic time or
 * its stack: nesting, emphasis and brackets beyond any real document. Lengths and line ends are
 * preserved, so offsets in the result are offsets in the text.
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
    for (const [sign] of line.matchAll(signs))
      if (/^[[\]<]/.test(sign)) brackets += 1
      else if (sign[0] !== '\\') emphasis += 1
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
