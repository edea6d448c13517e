/** Ligatures, and the positional forms of Hebrew and Arabic letters. */
const presentationForms = /[\ufb00-\ufdff\ufe70-\ufefc]+/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the purpose
const controls = /[\u0000-\u001f\u007f-\u009f\ufeff]/g

/**
 * Cleans a text of a PDF: removes control characters, replaces lone surrogates, and replaces
 * presentation forms with the letters that a user types.
 */
export function cleanText(text: string): string {
  return text
    .toWellFormed()
    .replace(presentationForms, (forms) => forms.normalize('NFKC'))
    .replace(controls, '')
}

/**
 * Counts the characters that a font draws without saying which they are. PDF.js returns control
 * characters and U+FFFD for them, or codes of private use, which may also be symbols.
 */
export function countUnmapped(text: string): { readonly lost: number; readonly symbols: number } {
  return {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: counting them is the purpose
    lost: text.match(/[\u0001-\u0008\u000e-\u001f\u007f-\u009f\ufffd]/g)?.length ?? 0,
    symbols: text.match(/[\ue000-\uf8ff]/g)?.length ?? 0,
  }
}
