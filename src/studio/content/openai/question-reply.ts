import { z } from 'zod'
import { escapeMarkdown } from '../../text/text.ts'
import type { CitationCheck } from '../citation.ts'
import { gap, isSameQuestion, type Question, type QuestionKind, type QuestionRequest, wordsOf } from '../question.ts'
import { parseLenient } from './json-objects.ts'

/** A question from a model's answer, or the reason why it cannot be used, phrased for the model. */
type Reply =
  | { readonly question: Question }
  | { readonly complaint: string /** Valid, but a duplicate. */; readonly isRepeated?: true }

const text = z.string().trim().min(1).max(2_000)
const kindNames: Readonly<Record<string, QuestionKind>> = {
  multiplechoice: 'MULTIPLE_CHOICE',
  mc: 'MULTIPLE_CHOICE',
  cloze: 'CLOZE',
  gap: 'CLOZE',
  fillintheblank: 'CLOZE',
  truefalse: 'TRUE_FALSE',
  trueorfalse: 'TRUE_FALSE',
  boolean: 'TRUE_FALSE',
}
const kind = z.string().transform((name, context): QuestionKind => {
  const kindName = kindNames[name.toLowerCase().replace(/[^a-z]/g, '')]
  if (kindName !== undefined) return kindName
  context.addIssue({ code: 'custom', message: `"${name.slice(0, 40)}" is no kind` })
  return z.NEVER
})
const option = z.union([text, z.object({ text }).transform((value) => value.text)])

/**
 * The requested JSON with the variations that models produce: the first alternative of each field
 * is the requested one.
 */
const replySchema = z.object({
  kind,
  prompt: text,
  options: z.array(option).max(8).nullish(),
  answer: z.union([text, z.number(), z.boolean()]),
  explanation: text.nullish(),
  difficulty: z
    .string()
    .transform((name) => name.toUpperCase())
    .pipe(z.enum(['EASY', 'MEDIUM', 'HARD']))
    .catch('MEDIUM'),
  section: z.union([z.string(), z.number().transform(String)]).nullish(),
  quotation: text,
})

/** Whether an object is intended as a question: its wrapper, such as `{"questions": [...]}`, is not. */
export function isQuestionLike(object: string): boolean {
  return /"(prompt|question|statement)"\s*:/.test(object) && !/"questions"\s*:\s*\[/.test(object)
}

/**
 * Reads one object of an answer as a question: repairs unambiguous errors and rejects the rest with
 * a reason.
 *
 * @param asked - existing questions, which must not be repeated
 */
export function readReply(
  object: string,
  request: Pick<QuestionRequest, 'kinds'>,
  check: CitationCheck,
  previousQuestions: readonly Pick<Question, 'prompt' | 'answer'>[],
): Reply {
  const raw = parseLenient(object)
  if (raw === undefined) return { complaint: 'One object was not valid JSON.' }
  const parsed = replySchema.safeParse(withUsualNames(raw))
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    return { complaint: `One object does not have the asked form (${issues.slice(0, 3).join('; ')}).` }
  }
  const { data } = parsed
  const name = JSON.stringify(data.prompt.slice(0, 80))
  if (!request.kinds.includes(data.kind)) return { complaint: `${name}: ${data.kind} was not asked for.` }
  const citation = check.find(data.quotation, data.section ?? undefined)
  if (citation === null)
    return { complaint: `${name}: its quotation does not occur in the source. Copy a passage of it word for word.` }
  const newQuestion = shape[data.kind](data)
  if (typeof newQuestion === 'string') return { complaint: `${name}: ${newQuestion}` }
  const question: Question = {
    kind: data.kind,
    alternatives: [],
    ...newQuestion,
    explanation: data.explanation ?? `The text says: ${escapeMarkdown(citation.quotation)}`,
    difficulty: data.difficulty,
    citation,
  }
  if (previousQuestions.some((previous) => isSameQuestion(previous, question)))
    return { complaint: `${name}: was asked already.`, isRepeated: true }
  return { question }
}

type Data = z.infer<typeof replySchema>
type Shaped = Pick<Question, 'prompt' | 'options' | 'answer'>

const shape: Readonly<Record<QuestionKind, (data: Data) => Shaped | string>> = {
  MULTIPLE_CHOICE({ prompt, options, answer }) {
    const bare = (options ?? []).map((optionText) => optionText.replace(/^\(?[A-Ha-h][.):]\s+/, ''))
    const isDistinct =
      new Set(bare.map((optionText) => wordsOf(optionText).join(' ') || optionText)).size === bare.length
    if (bare.length < 3 || bare.length > 5 || !isDistinct) return 'needs three to five different options.'
    const right = bare[indexOf(answer, bare)]
    return right === undefined ? 'its answer is none of its options.' : { prompt, options: bare, answer: right }
  },
  CLOZE({ prompt, answer }) {
    const fullPrompt = prompt.replace(/_{3,}|\[blank\]|\.{4,}/gi, gap)
    if (fullPrompt.split(gap).length !== 2) return `its prompt needs exactly one gap, written ${gap}.`
    const plain = String(answer).replace(/^[`*"“]+|[`*"”]+$/g, '')
    if (plain === '' || plain.split(/\s+/).length > 5) return 'its answer has to be one to five words.'
    return { prompt: fullPrompt, options: [], answer: plain }
  },
  TRUE_FALSE({ prompt, answer }) {
    const verdict = String(answer).toUpperCase()
    if (/^(TRUE|YES|T|1)$/.test(verdict)) return { prompt, options: [], answer: 'TRUE' }
    if (/^(FALSE|NO|F|0)$/.test(verdict)) return { prompt, options: [], answer: 'FALSE' }
    return 'its answer has to be true or false.'
  },
}

/**
 * Finds the option that an answer refers to: by its text, its letter, or its index from 0.
 * @returns -1 when there is none
 */
function indexOf(answer: string | number | boolean, options: readonly string[]): number {
  if (typeof answer !== 'string') return typeof answer === 'number' && Number.isInteger(answer) ? answer : -1
  const bare = answer.replace(/^\(?[A-Ha-h][.):]\s+/, '')
  const exact = options.findIndex((optionText) => optionText === answer || optionText === bare)
  if (exact >= 0) return exact
  const words = wordsOf(bare).join(' ')
  const alike = options.findIndex((optionText) => words !== '' && wordsOf(optionText).join(' ') === words)
  if (alike >= 0) return alike
  return /^\(?[A-Ha-h][.)]?$/.test(answer) ? (/[A-Ha-h]/.exec(answer)?.[0] ?? '').toUpperCase().charCodeAt(0) - 65 : -1
}

function withUsualNames(raw: unknown): unknown {
  if (typeof raw !== 'object' || raw === null) return raw
  const fields = raw as Record<string, unknown>
  return {
    ...fields,
    kind: fields['kind'] ?? fields['type'],
    prompt: fields['prompt'] ?? fields['question'] ?? fields['statement'],
    options: fields['options'] ?? fields['choices'],
    answer: fields['answer'] ?? fields['correct_answer'] ?? fields['correctAnswer'] ?? fields['correct'],
    quotation: fields['quotation'] ?? fields['quote'] ?? fields['citation'],
    section: fields['section'] ?? fields['sectionKey'],
  }
}
