const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' })
const abbreviation =
  /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|incl|resp|ca|no|fig|sec|ch|vol|pp|mr|mrs|ms|dr|prof|st|z\.b|bzw|d\.h|u\.a|p\.ex)\.$/i

/**
 * Divides a paragraph into sentences. Private characters, which stand for code, count as capital letters: a sentence may
 * begin with one. Abbreviations do not end a sentence.
 */
export function splitSentences(paragraph: string): string[] {
  // The segmenter would join "… done. `close` ends it" where the next sentence begins with an unknown character.
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

/** Text for tools that know only letters: a capital letter for each private character, so that all places stay. */
export function maskCodes(text: string): string {
  return text.replace(/[\ue000-\uf8ff]/g, 'Ж')
}
