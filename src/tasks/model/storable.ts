import type { Report } from './report.ts'
import type { FailureState } from './task.ts'

/**
 * Converts a text to one that PostgreSQL can store: NUL and unpaired surrogates, which neither
 * `text` nor `jsonb` accept, become U+FFFD. The length in UTF-16 units is unchanged, so offsets
 * remain valid.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

/** The problem of a text for which {@link isStorable} is false. */
export const unstorable = 'holds U+0000 or half a surrogate pair, which cannot be stored'

/** Whether {@link storableJson} would leave a JSON value, keys included, unchanged. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return storableText(value) === value
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, inner]) => isStorable(key) && isStorable(inner))
}

/**
 * Returns a value as its JSON represents it, with all texts storable: identical to the value that
 * readers of the log get, so it can be published before it is read back.
 * @throws TypeError when it cannot be serialized to JSON (cycles, bigints)
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

/** Makes the texts of a failure storable. */
export function storableFailure({ code, message, retryable, advice, problems, details }: FailureState): FailureState {
  return {
    code: storableText(code),
    message: storableText(message),
    retryable,
    advice: advice === null ? null : storableText(advice),
    ...(problems === undefined ? {} : { problems: problems.map(storableJson) }),
    ...(details === undefined ? {} : { details: storableJson(details) }),
  }
}

/**
 * Makes the texts of a report storable; streamed text is unchanged, as a surrogate pair may be
 * split between two pieces.
 */
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
