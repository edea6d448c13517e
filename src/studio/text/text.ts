const ideograph = String.raw`[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]`
const word = new RegExp(
  String.raw`${ideograph}|(?:(?!${ideograph})[\p{L}\p{M}\p{N}])+(?:['’_.-](?:(?!${ideograph})[\p{L}\p{M}\p{N}])+)*`,
  'gu',
)

/** Counts words; in scripts written without spaces every character counts as one. */
export function countWords(text: string): number {
  let words = 0
  for (const _ of text.matchAll(word)) words += 1
  return words
}

/**
 * Shortens a text to one line with single spaces and at most `maxCharacters`, with an ellipsis at a
 * word boundary.
 */
export function shorten(text: string, maxCharacters: number): string {
  const line = text.replace(/\s+/g, ' ').trim()
  if (line.length <= maxCharacters) return line
  const cut = line.slice(0, maxCharacters - 1).toWellFormed()
  const space = cut.lastIndexOf(' ')
  return `${trimEndOf(space > maxCharacters / 2 ? cut.slice(0, space) : cut, /[\s,;:.–-]/)}…`
}

/** Removes characters from the end of a text, in linear time: `/[…]+$/` scans each run of them from each of its positions. */
export function trimEndOf(text: string, character: RegExp): string {
  let end = text.length
  while (end > 0 && character.test(text[end - 1] ?? '')) end -= 1
  return text.slice(0, end)
}

/** Quotes a name for use in a sentence, on one line and not too long. */
export function quote(name: string): string {
  return `‘${shorten(name, 80)}’`
}

/** Creates unique keys from headings, in the style of GitHub's anchors. */
export function createSlugger(): (heading: string) => string {
  const usedKeys = new Set<string>()
  const nextByBase = new Map<string, number>()
  return (heading) => {
    const base =
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{M}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s+/g, '-')
        .slice(0, 80)
        .toWellFormed() || 'section'
    let key = base
    for (let next = nextByBase.get(base) ?? 2; usedKeys.has(key); next += 1) {
      key = `${base}-${next}`
      nextByBase.set(base, next + 1)
    }
    usedKeys.add(key)
    return key
  }
}

/**
 * Returns an address that is safe to show as a link: http, https, mailto, or relative. All others
 * (`javascript:`, `data:` …) give `undefined`, because these texts are rendered in pages.
 */
export function safeUrl(url: string): string | undefined {
  const trimmed = url.trim()
  if (trimmed === '' || /\s/.test(trimmed)) return undefined
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(trimmed)?.[1]?.toLowerCase()
  if (scheme === undefined) return trimmed
  return scheme === 'http' || scheme === 'https' || scheme === 'mailto' ? trimmed : undefined
}

/** Escapes all Markdown markup in a text; addresses are not changed. */
export function escapeMarkdown(text: string): string {
  // Without the punctuation at its end: a bare address does not include that, and `_` there would begin an emphasis.
  const parts = text.split(/(https?:\/\/[^\s<>"'`)\]\\]*[^\s<>"'`)\]\\?!.,:;*_~])/)
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return escapeWords(part)
      // A bare address is not recognised after a letter, and extends to the next space or `<`: it
      // would include the backslashes up to there.
      const isGlued = /[\p{L}\p{N}]$/u.test(parts[index - 1] ?? '')
      return isGlued || /^[^\s<]*\\/.test(escapeWords(parts[index + 1] ?? '')) ? `<${part}>` : part
    })
    .join('')
}

function escapeWords(text: string): string {
  return text
    .replace(/[\\`*[\]<>~|]/g, '\\$&')
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
    .replace(/&(?=#?\w+;)/g, '\\&')
}

/** Extracts the text of a piece of HTML: comments, scripts and tags are removed, common entities decoded. */
export function stripTags(html: string): string {
  return html
    .replace(/<!--[\s\S]*?(-->|$)/g, ' ')
    .replace(/<(script|style)[\s>][\s\S]*?(<\/\1\s*>|$)/gi, ' ')
    .replace(/<\/?[a-z][^<>]*>/gi, ' ')
    .replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, name: string) => entities[name] ?? ' ')
    .replace(/[ \t]+/g, ' ')
    .trim()
}
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: ' ' }
