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
 * Counts the characters that a font draws without saying which they are: PDF.js returns control
 * characters and U+FFFD for them.
 */
export function countLost(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: counting them is the purpose
  return text.match(/[\u0001-\u0008\u000e-\u001f\u007f-\u009f\ufffd]/g)?.length ?? 0
}

/**
 * Counts the characters of a line with a code of private use: letters or the signs of formulas that a
 * font does not name. At the beginning of the line, such a character is a bullet.
 */
export function countSymbols(line: string): number {
  return line.replace(/^\s*[\ue000-\uf8ff](?=\s)/, '').match(/[\ue000-\uf8ff]/g)?.length ?? 0
}
