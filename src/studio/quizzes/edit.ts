import { isStorable, TidingsError, unstorable } from '../../engine.ts'
import { type Difficulty, gap, wordsOf } from '../content/question.ts'
import type { QuestionBody } from './quiz.ts'

/** Changes to a question; omitted fields are kept. Kind and citation cannot be changed. */
export interface Changes {
  readonly prompt?: string | undefined
  /** MULTIPLE_CHOICE only. */
  readonly options?: readonly string[] | undefined
  /** MULTIPLE_CHOICE: one of the options; CLOZE: the text of the gap; TRUE_FALSE: `TRUE` or `FALSE`. */
  readonly answer?: string | undefined
  /** CLOZE only. */
  readonly alternatives?: readonly string[] | undefined
  readonly explanation?: string | undefined
  readonly difficulty?: Difficulty | undefined
}

interface Issue {
  readonly path: string
  readonly message: string
}

const maxCharacters = { prompt: 4_000, option: 1_000, explanation: 4_000, answer: 200 } as const

/**
 * Applies changes to a question.
 * @throws TidingsError `BAD_INPUT` with all problems of the changes
 */
export function changeBody(before: QuestionBody, changes: Changes): QuestionBody {
  const definedChanges = Object.fromEntries(
    Object.entries(changes).filter(([, value]) => value !== undefined),
  ) as Changes
  const body = trimmed({ ...before, ...definedChanges } as QuestionBody)
  const issues = [...storageIssues(definedChanges), ...lengthIssues(body), ...issuesOf(body, definedChanges)]
  if (issues.length > 0)
    throw new TidingsError(
      'BAD_INPUT',
      `The question does not do: ${issues.map(({ message }) => message).join('; ')}`,
      {
        issues,
      },
    )
  return body
}

function trimmed(body: QuestionBody): QuestionBody {
  return {
    ...body,
    prompt: body.prompt.trim(),
    options: body.options.map((option) => option.trim()),
    answer: body.kind === 'TRUE_FALSE' ? body.answer.trim().toUpperCase() : body.answer.trim(),
    alternatives: body.alternatives
      .map((alternative) => alternative.trim())
      .filter((alternative) => alternative !== ''),
    explanation: body.explanation.trim(),
  }
}

function storageIssues(changes: Changes): Issue[] {
  return Object.entries(changes).flatMap(([name, value]) =>
    isStorable(value) ? [] : [{ path: `input.${name}`, message: `the ${name} ${unstorable}` }],
  )
}

function lengthIssues({ prompt, options, answer, explanation, alternatives }: QuestionBody): Issue[] {
  const tooLong = (path: string, text: string, maxLength: number): Issue[] =>
    text.length > maxLength
      ? [{ path, message: `it has ${text.length} characters; at most ${maxLength} are allowed` }]
      : []
  return [
    ...(prompt === '' ? [{ path: 'input.prompt', message: 'a question needs a text' }] : []),
    ...tooLong('input.prompt', prompt, maxCharacters.prompt),
    ...tooLong('input.explanation', explanation, maxCharacters.explanation),
    ...tooLong('input.answer', answer, maxCharacters.option),
    ...options.flatMap((option, place) => tooLong(`input.options.${place}`, option, maxCharacters.option)),
    ...alternatives.flatMap((alternative, place) =>
      tooLong(`input.alternatives.${place}`, alternative, maxCharacters.answer),
    ),
  ]
}

function issuesOf(body: QuestionBody, changes: Changes): Issue[] {
  const { kind, prompt, options, answer, alternatives } = body
  const issues: Issue[] = []
  const issue = (path: string, message: string): void => {
    issues.push({ path: `input.${path}`, message })
  }
  if (kind !== 'MULTIPLE_CHOICE' && (changes.options?.length ?? 0) > 0)
    issue('options', 'only a multiple choice has options')
  if (kind !== 'CLOZE' && (changes.alternatives?.length ?? 0) > 0)
    issue('alternatives', 'only a gap has alternative answers')
  if (kind === 'MULTIPLE_CHOICE') {
    const distinct = new Set(options.map((option) => wordsOf(option).join(' ') || option)).size
    if (options.length < 2 || options.length > 8) issue('options', `${options.length} options; allowed: 2 to 8`)
    if (options.includes('') || distinct < options.length) issue('options', 'every option has to be another one')
    if (!options.includes(answer)) issue('answer', 'the answer has to be one of the options')
  }
  if (kind === 'CLOZE') {
    if (prompt.split(gap).length !== 2) issue('prompt', `a cloze needs exactly one gap, written ${gap}`)
    if (answer === '') issue('answer', 'the gap needs an answer')
    if (alternatives.length > 20) issue('alternatives', `${alternatives.length} alternatives; at most 20 are allowed`)
  }
  if (kind === 'TRUE_FALSE' && answer !== 'TRUE' && answer !== 'FALSE') issue('answer', 'TRUE or FALSE')
  return issues
}
