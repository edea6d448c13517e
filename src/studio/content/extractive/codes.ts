import { escapeMarkdown } from '../../text/text.ts'

/**
 * The code that each private-use character of a text represents, first U+E000. Inline code and
 * identifiers are replaced by one such character each, so that sentence splitting cannot break
 * them.
 */
export type CodeTable = readonly string[]

const firstCode = 0xe000
const lastCode = 0xf8ff

/** Identifiers in prose: camelCase, snake_case, paths, calls, options, dotted names. */
const identifier =
  /(?<![\p{L}\p{N}_])(?:--?[a-z][\w-]+|@[\w-]+\/[\w.-]+|[\w$]+\(\)|[a-z]+[A-Z][\w$]*(?:\.[\w$]+)*|[A-Za-z][\w$]*_[\w$]+|[A-Z]{2,}[\w$]*_[\w$]+|\.{0,2}\/?(?:[\w.@-]+\/)+[\w@-]+\.[a-z]{1,5}|[\w$-]+\.(?:ts|js|json|md|yml|yaml|sql|py|html|css|txt|conf|sh)|[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+(?:\(\))?)(?![\p{L}\p{N}_])/gu
/** The characters around which an identifier is looked for, so that its context is seen as a whole. */
const identifierRun = /[\p{L}\p{N}_$@./()-]+/gu
/** No identifier: encoded data, or a line of dots. The pattern's time is not linear in the run. */
const maxRunCharacters = 100
const notIdentifier = /^(e\.g|i\.e|a\.m|p\.m|u\.s|ph\.d|-[\w-]+|Node\.js|Vue\.js|Next\.js)$/i

/** Creates a table; equal code gets the same character. Code beyond 6,400 distinct pieces remains text. */
export function createCodes(): {
  readonly codes: CodeTable
  /** Returns the character for a piece of code. */
  encode(code: string): string
  /** Encodes the identifiers in a text. */
  encodeIdentifiers(text: string): string
} {
  const codes: string[] = []
  const characters = new Map<string, string>()
  const encode = (code: string): string => {
    const existing = characters.get(code)
    if (existing !== undefined) return existing
    if (firstCode + codes.length > lastCode) return code
    const character = String.fromCharCode(firstCode + codes.length)
    codes.push(code)
    characters.set(code, character)
    return character
  }
  return {
    codes,
    encode,
    encodeIdentifiers: (text) =>
      text.replace(identifierRun, (run) =>
        run.length > maxRunCharacters
          ? run
          : run.replace(identifier, (word) => (notIdentifier.test(word) ? word : encode(word))),
      ),
  }
}

/** Renders the text of a sentence as Markdown: code in backticks, everything else escaped. */
export function renderText(text: string, { codes }: { readonly codes: CodeTable }): string {
  return text
    .split(/([\ue000-\uf8ff])/)
    .map((part, index) =>
      index % 2 === 1 ? renderCode(codes[part.charCodeAt(0) - firstCode] ?? '') : escapeMarkdown(part),
    )
    .join('')
}

function renderCode(code: string): string {
  const fence = '`'.repeat(Math.max(0, ...[...code.matchAll(/`+/g)].map(([run]) => run.length)) + 1)
  const space = code.startsWith('`') || code.endsWith('`') ? ' ' : ''
  return `${fence}${space}${code}${space}${fence}`
}

/** Renders the text of a sentence as plain words, for comparison. */
export function plainText(text: string, { codes }: { readonly codes: CodeTable }): string {
  return text.replace(/[\ue000-\uf8ff]/g, (code) => codes[code.charCodeAt(0) - firstCode] ?? '')
}
