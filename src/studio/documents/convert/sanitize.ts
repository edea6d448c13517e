// biome-ignore lint/suspicious/noControlCharactersInRegex: replacing them is the purpose
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g

/**
 * Replaces control characters and lone surrogates with U+FFFD in every text of a value: PostgreSQL
 * stores neither U+0000 nor lone surrogates, and snippets use other control characters as marks.
 * Keeps the length of each text, so that offsets remain valid.
 */
export function sanitize<T>(value: T): T {
  return clean(value) as T
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replace(controls, '\ufffd')
  if (Array.isArray(value)) return value.map(clean)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, clean(entry)]))
}
