/** The properties of a font of PDF.js that are read. */
interface Font {
  readonly type?: string
  readonly composite?: boolean
  readonly isSymbolicFont?: boolean
  readonly missingFile?: boolean
  /** Names of glyphs by code; sparse. */
  readonly differences?: readonly (string | null | undefined)[]
  readonly toUnicode?: { readonly _map?: readonly unknown[] }
}

/** The part of PDF.js's page that is used here. */
interface PageWithFonts {
  getOperatorList(): Promise<unknown>
  readonly commonObjs: { has(name: string): boolean; get(name: string): unknown }
}

/** Reading the fonts of a page takes about as long as reading its text. */
const maxPages = 20
const minCharacters = 5
/** The share of {@link plainLetter} from which a text is certainly read correctly. */
const plainShare = 0.3
/** Small letters, and letters of scripts that PDF.js does not guess. */
const plainLetter = /[a-z]|(?!\p{sc=Latin})\p{L}/gu
/** A map of more codes than that was not written into the file but made by PDF.js. */
const maxMapped = 180

/**
 * Creates a function that finds the pages with letters that are only guessed: their font states no
 * characters, and what it states about its glyphs is a number, or is valid for other fonts only.
 *
 * @returns a function for a page and its texts by the names of their fonts; only the pages with new fonts
 *   whose text is unusual are examined, up to 20
 */
export function createFontInspector(): (page: unknown, texts: ReadonlyMap<string, string>) => Promise<boolean> {
  const isGuessedById = new Map<string, boolean>()
  let examinedCount = 0
  return async (page, texts) => {
    const { commonObjs } = page as PageWithFonts
    const unusual = [...texts].filter(
      ([, text]) => text.length >= minCharacters && shareOf(text, plainLetter) < plainShare,
    )
    const unknown = unusual.filter(([name]) => !isGuessedById.has(name))
    if (unknown.length > 0 && examinedCount < maxPages) {
      examinedCount += 1
      try {
        await (page as PageWithFonts).getOperatorList()
      } catch (error) {
        // The text can be read without the drawing.
        if (error instanceof RangeError) throw error
      }
      for (const [name, text] of unknown)
        isGuessedById.set(name, commonObjs.has(name) && isGuessed(commonObjs.get(name) as Font, text))
    }
    return unusual.some(([name]) => isGuessedById.get(name) === true)
  }
}

function shareOf(text: string, pattern: RegExp): number {
  return (text.match(pattern)?.length ?? 0) / Math.max(1, text.length)
}

function isGuessed(font: Font, text: string): boolean {
  const { composite, differences = [], toUnicode, type, isSymbolicFont, missingFile } = font
  const characters = toUnicode?._map?.filter((character) => character !== null && character !== undefined) ?? []
  if (composite === true || characters.length <= maxMapped) return false
  const names = differences.filter((name) => typeof name === 'string' && name !== '')
  if (names.length > 0)
    return names.every((name) => /^[a-z]{0,5}[\da-f]{2,5}$/i.test(name ?? '')) && shareOf(text, /[a-z]/gi) < plainShare
  const isUnnamed = type === 'TrueType' && isSymbolicFont === true && missingFile !== true
  return isUnnamed && shareOf(text, /[\u0080-\uffff]/g) > plainShare
}
