// Measures how many words of a document its conversion keeps, against pdftotext, pandoc and lynx:
// node test/bench/documents.ts FOLDER [--list]. A folder of the FOLDER is a source of the table.
import { execFile } from 'node:child_process'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, extname, join, relative, sep } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { defaultLimits } from '../../src/studio/documents/convert/conversion.ts'
import { convert } from '../../src/studio/documents/convert/convert.ts'
import { toPassages } from '../../src/studio/documents/passages.ts'
import type { DocumentStructure } from '../../src/studio/documents/structure/structure.ts'
import { type DocumentFormat, detectFormat } from '../../src/studio/documents/structure/structure-decode.ts'
import { DocumentError } from '../../src/studio/documents/structure/structure-error.ts'
import { readStructure } from '../studio/read-structure.ts'

/** The share of the reference's words above which a document counts as complete. */
const minRecall = 0.98

/** The reading of one file. */
interface Reading {
  readonly source: string
  readonly path: string
  readonly format: DocumentFormat | undefined
  /** The code of the refusal; undefined when the file was read. */
  readonly refusal?: string
  /** Whether it was refused for having no text, and the reference has some. */
  readonly isTextLost?: boolean
  /** The share of the reference's words that were found; undefined when the reference has no words. */
  readonly recall?: number
  /** Whether all letters of the missing words were found, in other words. */
  readonly isLettersKept?: boolean
  readonly missing?: readonly string[]
  readonly notes?: readonly string[]
}

const run = promisify(execFile)

/** Commands that print the text of a file in UTF-8; lynx without the file names of pictures. */
const references: Partial<Record<DocumentFormat, readonly (readonly string[])[]>> = {
  PDF: [['pdftotext', '-enc', 'UTF-8', '-q', 'FILE', '-']],
  DOCX: [['pandoc', '--from=docx', '--to=plain', '--wrap=none', 'FILE']],
  HTML: [
    [
      'lynx',
      '-dump',
      '-nolist',
      '-nomargins',
      '-width=1000',
      '-display_charset=utf-8',
      '-force_html',
      '-pseudo_inlines',
      'FILE',
    ],
  ],
  MARKDOWN: [['pandoc', '--from=gfm', '--to=plain', '--wrap=none', 'FILE']],
}

/** Prints that are no text of the document. */
const remarks: Partial<Record<DocumentFormat, RegExp>> = {
  // lynx's remarks on omitted elements, and the tags of MathML, whose text it shows between them.
  HTML: /^#.*$|^.*(IFRAME: |REFRESH\().*$|\(BUTTON\)|(?<=\[MATH:(?:(?!:MATH\])[\s\S])*)<[^<>]*>|\[MATH:|:MATH\]/gm,
  // The numbers that pandoc gives to the items of lists: it counts in each list of a file, Word in all
  // lists with the same definition. Numbers in tables, letters and other labels are compared.
  DOCX: /^ *\d+[.)] /gm,
}

/** Returns the text of a file as another program reads it; '' when that program fails. */
async function referenceOf(format: DocumentFormat, path: string): Promise<string> {
  for (const [command = '', ...parts] of references[format] ?? [['cat', 'FILE']])
    try {
      const options = { maxBuffer: 256 * 1_048_576, timeout: 60_000 }
      const { stdout } = await run(
        command,
        parts.map((part) => (part === 'FILE' ? path : part)),
        options,
      )
      const text = format === 'PDF' ? await cropText(path, stdout) : stdout
      return text.replace(remarks[format] ?? /$^/, ' ')
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ENOENT')
        throw new Error(`${command} is not installed: apt-get install poppler-utils poppler-data pandoc lynx`, {
          cause: error,
        })
    }
  return ''
}

/** Returns the text inside the crop boxes of a PDF: what is outside is on no page, but pdftotext prints it. */
async function cropText(path: string, text: string): Promise<string> {
  const { stdout } = await run('pdfinfo', ['-box', '-l', '100000', path]).catch(() => ({ stdout: '' }))
  const pages = text.split('\f')
  for (const number of pages.keys()) {
    const valuesOf = (name: string): number[] =>
      (new RegExp(`^Page +${number + 1} ${name}: *([-\\d. ]+)$`, 'm').exec(stdout)?.[1] ?? '')
        .trim()
        .split(/ +/)
        .map(Number)
    const [left = 0, low = 0, right = 0, high = 0] = valuesOf('MediaBox')
    const [x = 0, y = 0, endX = 0, endY = 0] = valuesOf('CropBox')
    // From the left edge of the upright page, clockwise.
    const margins = [x - left, high - endY, right - endX, y - low]
    if (margins.every((margin) => margin < 1)) continue
    const turns = (valuesOf('rot')[0] ?? 0) / 90
    const size = turns % 2 === 0 ? [endX - x, endY - y] : [endY - y, endX - x]
    const area = [margins.at(-turns), margins.at((1 - turns) % 4), ...size].map((length = 0) =>
      String(Math.max(0, Math.round(length))),
    )
    const limits = ['-x', '-y', '-W', '-H'].flatMap((option, index) => [option, area[index] ?? '0'])
    const page = String(number + 1)
    const part = await run('pdftotext', ['-f', page, '-l', page, ...limits, '-enc', 'UTF-8', '-q', path, '-'])
    pages[number] = part.stdout
  }
  return pages.join('\f')
}

/**
 * Whether a PDF refers to a font by the numbers of its glyphs, and neither contains it nor says which
 * letters they are. pdftotext prints the numbers as letters then, so only their count is known.
 */
async function hasUnknownLetters(path: string): Promise<boolean> {
  const { stdout } = await run('pdffonts', [path]).catch(() => ({ stdout: '' }))
  return / Identity-[HV] +no +\w+ +no /.test(stdout)
}

const countLetters = (words: Iterable<readonly [word: string, count: number]>): Map<string, number> => {
  const letters = new Map<string, number>()
  for (const [word, count] of words) for (const letter of word) letters.set(letter, (letters.get(letter) ?? 0) + count)
  return letters
}

/**
 * Whether the letters of the missing words are in words that the reference does not have. A PDF states
 * the places of letters, and each reader guesses which of them are a word.
 */
function areLettersKept(
  wanted: ReadonlyMap<string, number>,
  own: ReadonlyMap<string, number>,
  isAnyLetter: boolean,
): boolean {
  const surplusOf = (words: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>): Map<string, number> =>
    countLetters([...words].map(([word, count]) => [word, Math.max(0, count - (others.get(word) ?? 0))] as const))
  const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0)
  const missing = surplusOf(wanted, own)
  const other = surplusOf(own, wanted)
  const lost = isAnyLetter
    ? sum(missing.values()) - sum(other.values())
    : sum([...missing].map(([letter, count]) => Math.max(0, count - (other.get(letter) ?? 0))))
  return lost <= (1 - minRecall) * sum(countLetters(wanted).values())
}

/** Counts words without case, presentation forms and hyphens. */
function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>()
  const joined = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\u00ad/g, '')
    // At the end of a line, no reader knows whether the hyphen belongs to the word.
    .replace(/(?<=\p{L})[-\u2010\u2011](\n\s*)?(?=\p{L})/gu, '')
  const words = joined.matchAll(
    // An accent that stands alone is no word, and belongs to none.
    /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]|(?:(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}])[\p{L}\p{N}]\p{M}*)+/gu,
  )
  for (const [word] of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

async function read(source: string, path: string): Promise<Reading> {
  const bytes = await readFile(path)
  const name = basename(path)
  let format: DocumentFormat | undefined
  let structure: DocumentStructure
  try {
    format = detectFormat(name, bytes)
    // In this process: the text is the same as from the converter's, and starting one takes a second.
    structure =
      format === 'MARKDOWN' || format === 'PLAIN_TEXT'
        ? readStructure({ format, bytes, name })
        : await convert({ format, bytes, name, limits: defaultLimits }, () => undefined)
  } catch (error) {
    const refusal =
      error instanceof DocumentError ? error.code : String((error as { readonly code?: unknown }).code ?? error)
    const isTextLost =
      /^NO_TEXT/.test(refusal) && format !== undefined && countWords(await referenceOf(format, path)).size > 0
    return { source, path, format, refusal, isTextLost }
  }
  const wanted = countWords(await referenceOf(format, path))
  const texts = [structure.title, ...toPassages(structure)].map((part) =>
    typeof part === 'string' ? part : `${part.heading}\n${part.text}`,
  )
  const own = countWords(texts.join('\n'))
  const missing: string[] = []
  let total = 0
  let found = 0
  for (const [word, count] of wanted) {
    const kept = Math.min(count, own.get(word) ?? 0)
    total += count
    found += kept
    if (kept < count) missing.push(count - kept > 1 ? `${word} (${count - kept})` : word)
  }
  const isShort = total > 0 && found / total < minRecall
  // The title and the heading may be the name of the file.
  const shown = countWords(
    texts
      .slice(1)
      .join('\n')
      .replace(basename(name, extname(name)), ''),
  )
  const isLettersKept = isShort && format === 'PDF' && areLettersKept(wanted, shown, await hasUnknownLetters(path))
  const recall = total === 0 ? {} : { recall: found / total }
  return { source, path, format, ...recall, isLettersKept, missing, notes: structure.notes }
}

/** Notes that name missing text; those on pictures, on attached files and on how the file was read do not. */
const namesMissing = (notes: readonly string[]): boolean =>
  notes.some(
    (note) => !/^(A picture was|\d+ pictures were) left out|attached files? w(as|ere) left out|encoding/.test(note),
  )

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean', default: false } },
})
const [folder] = positionals
if (folder === undefined) throw new Error('Name a folder of documents: node test/bench/documents.ts FOLDER [--list]')
const names = (await readdir(folder, { recursive: true })).toSorted()
const readings: Reading[] = []
for (const name of names) {
  const path = join(folder, name)
  if (!/\.(pdf|docx|html?|xhtml|md|markdown|txt)$/i.test(extname(name)) || !(await stat(path)).isFile()) continue
  const [source = '.', file] = relative(folder, path).split(sep)
  const reading = await read(file === undefined ? '.' : source, path)
  readings.push(reading)
  const share = reading.recall === undefined ? '–' : `${(reading.recall * 100).toFixed(1)} %`
  process.stderr.write(`${reading.refusal ?? share} ${name}\n`)
}

console.log(
  '| source | files | refused | of these with text | compared | median | at least 98 % | less, with all letters | less, with a note | less, without |',
)
console.log('|---|---|---|---|---|---|---|---|---|---|')
const isShort = ({ recall }: Reading): boolean => recall !== undefined && recall < minRecall
for (const [source, all] of [...Map.groupBy(readings, (reading) => reading.source), ['all', readings] as const]) {
  const compared = all.filter(({ recall }) => recall !== undefined)
  const recalls = compared.map(({ recall = 0 }) => recall).toSorted((a, b) => a - b)
  const median = recalls[Math.floor(recalls.length / 2)] ?? 0
  const short = compared.filter(isShort)
  const noted = short.filter(({ notes = [] }) => namesMissing(notes))
  const divided = short.filter(({ isLettersKept, notes = [] }) => isLettersKept === true && !namesMissing(notes))
  const cells = [
    source,
    all.length,
    all.filter(({ refusal }) => refusal !== undefined).length,
    all.filter(({ isTextLost }) => isTextLost === true).length,
    compared.length,
    `${(median * 100).toFixed(1)} %`,
    compared.length - short.length,
    divided.length,
    noted.length,
    short.length - divided.length - noted.length,
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
if (values.list) {
  for (const { path, refusal, format } of readings)
    if (refusal !== undefined) console.log(`${refusal} ${path} ${format ?? ''}`)
  for (const { path, recall = 0, isLettersKept, notes = [], missing = [] } of readings
    .filter(isShort)
    .toSorted((a, b) => (a.recall ?? 0) - (b.recall ?? 0)))
    console.log(
      `${(recall * 100).toFixed(1)} % ${isLettersKept === true ? 'all letters ' : ''}${path} ${JSON.stringify(notes)}: ${missing.slice(0, 12).join(' ')}`,
    )
}
