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
 * Counts the characters that a font draws without saying which they are: PDF.js returns codes of
 * private use, control characters or U+FFFD for them.
 */
export function countUnmapped(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: counting them is the purpose
  return text.match(/[\u0000-\u0008\u000e-\u001f\u007f-\u009f\ue000-\uf8ff\ufffd]/g)?.length ?? 0
}
