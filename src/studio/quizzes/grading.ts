import { optionsOf, type QuestionBody, rightKeyOf } from './quiz.ts'

/** Minimum length of a free answer in which one wrong letter is tolerated. */
const minLettersForSlip = 6

/**
 * Whether an answer is correct: the key of the right option, or the text of the gap. Texts are
 * compared without case, articles, and surrounding quotes and punctuation; a longer word may have
 * one letter wrong, missing or extra, but not a name, a number or a piece of code.
 */
export function isRight(body: QuestionBody, answer: string): boolean {
  const key = rightKeyOf(body)
  if (key !== null) return answer.trim().toUpperCase() === key
  const text = comparable(answer)
  return [body.answer, ...body.alternatives].some((right) => {
    const rightText = comparable(right)
    if (text === rightText) return true
    const isWord = /^[\p{L} ]+$/u.test(right) && right === right.toLowerCase()
    return isWord && rightText.length >= minLettersForSlip && isOneSlipAway(text, rightText)
  })
}

/** Returns the problem with an answer's form; undefined when it can be graded. */
export function formIssueOf(body: QuestionBody, answer: string): string | undefined {
  const options = optionsOf(body)
  if (options.length === 0 || options.some(({ key }) => key === answer.trim().toUpperCase())) return undefined
  const keys = options.map(({ key }) => key).join(', ')
  return `${JSON.stringify(answer.slice(0, 40))} is none of the options ${keys}`
}

function comparable(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[‘’]/g, "'")
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^[\s"'`“”„«»(]+|[\s"'`“”„«».,;:!?)]+$/gu, '')
    .replace(/\($/, '')
    .replace(/^(the|an?) (?=\S)/, '')
}

/** Whether two texts differ by one inserted, deleted or substituted letter. */
function isOneSlipAway(first: string, second: string): boolean {
  const [short, long] = first.length <= second.length ? [first, second] : [second, first]
  if (long.length - short.length > 1) return false
  let sameCount = 0
  while (sameCount < short.length && short[sameCount] === long[sameCount]) sameCount += 1
  const rest = short.length === long.length ? sameCount + 1 : sameCount
  return short.slice(rest) === long.slice(sameCount + 1)
}
