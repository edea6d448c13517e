import type { Report } from './report.ts'
import type { FailureState } from './task.ts'

/**
 * A text as PostgreSQL can hold it: NUL and halves of surrogate pairs, which neither `text` nor `jsonb` take, become U+FFFD.
 * The length in UTF-16 units stays the same, so offsets do.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

/** What is wrong with a text for which {@link isStorable} says no. */
export const unstorable = 'holds U+0000 or half a surrogate pair, which cannot be stored'

/** Whether a JSON value, keys included, is what {@link storableJson} would leave as it is. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return storableText(value) === value
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, inner]) => isStorable(key) && isStorable(inner))
}

/**
 * A value as its JSON says it, with every text storable: what readers of the log get, so that it can be told before it was read.
 * @throws TypeError when it is no JSON (cycles, bigints)
 */
export function storableJson<T extends object>(value: T): T {
  return clean(JSON.parse(JSON.stringify(value))) as T
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value)
  if (Array.isArray(value)) return value.map(clean)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storableText(key), clean(inner)]))
}

/** A failure with texts that can be stored. */
export function storableFailure({ code, message, retryable, advice, problems }: FailureState): FailureState {
  return {
    code: storableText(code),
    message: storableText(message),
    retryable,
    advice: advice === null ? null : storableText(advice),
    ...(problems === undefined ? {} : { problems: problems.map(storableJson) }),
  }
}

/** A report with texts that can be stored; streamed text is left alone, as a pair may be cut between two pieces. */
export function storableReport(report: Report): Report {
  switch (report.is) {
    case 'advance': {
      const { stage, message } = report
      return {
        ...report,
        ...(stage === undefined ? {} : { stage: storableText(stage) }),
        ...(typeof message === 'string' ? { message: storableText(message) } : {}),
      }
    }
    case 'items':
      return {
        ...report,
        items: report.items.map(({ key, label }) => ({ key: storableText(key), label: storableText(label) })),
      }
    case 'item':
      return {
        ...report,
        key: storableText(report.key),
        ...(report.error === undefined ? {} : { error: storableFailure(report.error) }),
      }
    case 'itemPercent':
      return { ...report, key: storableText(report.key) }
    case 'output':
      return { ...report, stream: storableText(report.stream) }
  }
}
