/** Letters without a decomposition, with their replacements. */
const letters: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
  ς: 'σ',
}
const special = /[ßæœøđðþłħıς]/g
/** The accents of Latin, Greek and Cyrillic letters, and the vowel signs of Hebrew and Arabic. */
const marks = /[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]/g
/** A unit of folding: a character with its marks, or a Hangul syllable in parts. */
const cluster = /[\u1100-\u11ff]+|\P{M}\p{M}*|\p{M}+/gu

/**
 * Folds case, accents and forms of characters, so that search finds `Café` by `cafe`, `Отчёт` by
 * `отчет` and `Straße` by `strasse`. The function `fold_text` of the legacy migration
 * `0022_previous_versions.sql` does the same in SQL.
 */
export function foldText(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(marks, '')
    .replace(special, (letter) => letters[letter] ?? letter)
    .normalize('NFKC')
}

/**
 * Folds a text and maps the result to it.
 * @returns for each UTF-16 unit of the folded text, and its end, the offset in the text
 */
export function foldWithOffsets(text: string): { readonly folded: string; readonly offsets: readonly number[] } {
  let folded = ''
  const offsets: number[] = []
  for (const { 0: part, index } of text.matchAll(cluster)) {
    const piece = foldText(part)
    folded += piece
    for (let unit = 0; unit < piece.length; unit += 1) offsets.push(index)
  }
  return { folded, offsets: [...offsets, text.length] }
}
