const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' })
/** The longest abbreviation, with the character before it. */
const maxAbbreviation = 8
/** A bracket that is open for longer was never closed. */
const maxBracketed = 400
/** A longer text is not one sentence, however many abbreviations it has. */
const maxSentence = 2_000
const abbreviation =
  /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|incl|resp|ca|no|fig|sec|ch|vol|pp|mr|mrs|ms|dr|prof|st|z\.b|bzw|d\.h|u\.a|p\.ex)\.$/i

/**
 * Splits a paragraph into sentences. Private-use characters, which represent code, count as capital
 * letters: a sentence may begin with one. Abbreviations do not end a sentence.
 */
export function splitSentences(paragraph: string): string[] {
  // The segmenter would not split "… done. `close` ends it", as the next sentence begins with an
  // unknown character.
  const masked = maskCodes(paragraph)
  const sentences: string[] = []
  let from = 0
  for (const { index, segment } of segmenter.segment(masked)) {
    const end = index + segment.length
    const isCut =
      end < masked.length &&
      end - from < maxSentence &&
      (abbreviation.test(
        masked
          .slice(Math.max(from, end - 2 * maxAbbreviation), end)
          .trim()
          .slice(-maxAbbreviation),
      ) ||
        (end - from < maxBracketed && hasOpenBracket(masked.slice(from, end))))
    if (isCut) continue
    const sentence = paragraph.slice(from, end).trim()
    if (sentence !== '') sentences.push(sentence)
    from = end
  }
  const rest = paragraph.slice(from).trim()
  return rest === '' ? sentences : [...sentences, rest]
}

function hasOpenBracket(text: string): boolean {
  const opens = text.match(/[([]/g)?.length ?? 0
  const closes = text.match(/[)\]]/g)?.length ?? 0
  return opens > closes
}

/**
 * Masks text for tools that know only letters: each private-use character becomes a capital letter,
 * so that offsets are preserved.
 */
export function maskCodes(text: string): string {
  return text.replace(/[\ue000-\uf8ff]/g, 'Ж')
}
