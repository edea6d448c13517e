/**
 * Pairs of words that can be exchanged in a sentence to give a grammatical sentence with the
 * opposite meaning.
 */
const pairs: readonly (readonly [first: string, second: string])[] = [
  ['before', 'after'],
  ['always', 'never'],
  ['first', 'last'],
  ['synchronous', 'asynchronous'],
  ['synchronously', 'asynchronously'],
  ['enabled', 'disabled'],
  ['enable', 'disable'],
  ['enables', 'disables'],
  ['minimum', 'maximum'],
  ['at least', 'at most'],
  ['more than', 'less than'],
  ['increases', 'decreases'],
  ['increase', 'decrease'],
  ['faster', 'slower'],
  ['fast', 'slow'],
  ['slows', 'speeds'],
  ['higher', 'lower'],
  ['larger', 'smaller'],
  ['longer', 'shorter'],
  ['older', 'newer'],
  ['oldest', 'newest'],
  ['required', 'optional'],
  ['mandatory', 'optional'],
  ['public', 'private'],
  ['internal', 'external'],
  ['incoming', 'outgoing'],
  ['mutable', 'immutable'],
  ['safe', 'unsafe'],
  ['static', 'dynamic'],
  ['local', 'remote'],
  ['ascending', 'descending'],
  ['successful', 'failed'],
  ['succeeds', 'fails'],
  ['accepted', 'rejected'],
  ['accepts', 'rejects'],
  ['included', 'excluded'],
  ['includes', 'excludes'],
  ['allowed', 'forbidden'],
  ['temporary', 'permanent'],
  ['automatically', 'manually'],
  ['explicitly', 'implicitly'],
  ['inside', 'outside'],
  ['cannot', 'can'],
  ['must not', 'must'],
  ['should not', 'should'],
  ['is not', 'is'],
  ['are not', 'are'],
]
/** Replaced in this direction only: the reverse would turn a true statement into a clumsy negation. */
const oneWay = new Set(['can', 'must', 'should', 'is', 'are'])

/** A sentence turned into its opposite. */
interface Turned {
  readonly before: string
  readonly from: string
  readonly to: string
  readonly after: string
}

interface Turn {
  readonly from: string
  readonly to: string
  readonly find: RegExp
  readonly findOther: RegExp
}
const wholeWord = (words: string, flags: string): RegExp =>
  new RegExp(`(?<![\\p{L}\\p{N}-])${words}(?![\\p{L}\\p{N}-])`, flags)
const turns: readonly Turn[] = pairs.flatMap(([first, second]) =>
  [
    { from: first, to: second },
    { from: second, to: first },
  ]
    .filter(({ from, to }) => !(oneWay.has(from) && to === first))
    .map(({ from, to }) => ({ from, to, find: wholeWord(from, 'giu'), findOther: wholeWord(to, 'iu') })),
)

/** Turns a sentence into its opposite by one word; undefined when it has no such word, or more than one. */
export function turnAround(sentence: string): Turned | undefined {
  for (const { from, to, find, findOther } of turns) {
    const matches = [...sentence.matchAll(find)]
    const [match] = matches
    if (match === undefined || matches.length > 1) continue
    const before = sentence.slice(0, match.index)
    const after = sentence.slice(match.index + match[0].length)
    // "required by" has no opposite that fits the rest of the sentence.
    if (/ed$/.test(from) && /^\s+(by|to|for|with)\b/i.test(after)) continue
    // A sentence with both words compares them.
    if (findOther.test(`${before} ${after}`)) continue
    const isCapital = match[0].slice(0, 1) !== match[0].slice(0, 1).toLowerCase()
    return { before, from: match[0], to: isCapital ? capitalise(to) : to, after }
  }
  return undefined
}

function capitalise(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}
