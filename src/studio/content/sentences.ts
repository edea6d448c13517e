const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' })
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
    const text = masked.slice(from, end).trim()
    const opens = text.match(/[([]/g)?.length ?? 0
    const closes = text.match(/[)\]]/g)?.length ?? 0
    const isCut = end < masked.length && (abbreviation.test(text) || (opens > closes && text.length < 400))
    if (isCut) continue
    const sentence = paragraph.slice(from, end).trim()
    if (sentence !== '') sentences.push(sentence)
    from = end
  }
  const rest = paragraph.slice(from).trim()
  return rest === '' ? sentences : [...sentences, rest]
}

/**
 * Masks text for tools that know only letters: each private-use character becomes a capital letter,
 * so that offsets are preserved.
 */
export function maskCodes(text: string): string {
  return text.replace(/[\ue000-\uf8ff]/g, 'Ж')
}
