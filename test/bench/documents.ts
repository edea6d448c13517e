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
  readonly missing?: readonly string[]
  readonly notes?: readonly string[]
}

const run = promisify(execFile)

/** Commands that print the text of a file in UTF-8. */
const references: Partial<Record<DocumentFormat, readonly (readonly string[])[]>> = {
  PDF: [['pdftotext', '-enc', 'UTF-8', '-q', 'FILE', '-']],
  DOCX: [['pandoc', '--from=docx', '--to=plain', '--wrap=none', 'FILE']],
  HTML: [['lynx', '-dump', '-nolist', '-nomargins', '-width=1000', '-display_charset=utf-8', '-force_html', 'FILE']],
  MARKDOWN: [['pandoc', '--from=gfm', '--to=plain', '--wrap=none', 'FILE']],
}

/** Remarks of lynx on omitted elements. */
const remarks = /^#.*$|^.*(IFRAME: |REFRESH\().*$|\(BUTTON\)/gm

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
      return format === 'HTML' ? stdout.replace(remarks, '') : stdout
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ENOENT')
        throw new Error(`${command} is not installed: apt-get install poppler-utils poppler-data pandoc lynx`, {
          cause: error,
        })
    }
  return ''
}

/** Counts words without case and presentation forms; words divided at the end of a line are joined. */
function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>()
  const joined = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\u00ad/g, '')
    .replace(/(?<=\p{L})[-\u2010]\n\s*(?=\p{Ll})/gu, '')
  const words = joined.matchAll(
    /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]|(?:(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}])[\p{L}\p{M}\p{N}])+/gu,
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
  const own = countWords(
    [structure.title, ...toPassages(structure)]
      .map((part) => (typeof part === 'string' ? part : `${part.heading}\n${part.text}`))
      .join('\n'),
  )
  const missing: string[] = []
  let total = 0
  let found = 0
  for (const [word, count] of wanted) {
    const kept = Math.min(count, own.get(word) ?? 0)
    total += count
    found += kept
    if (kept < count) missing.push(count - kept > 1 ? `${word} (${count - kept})` : word)
  }
  return { source, path, format, ...(total === 0 ? {} : { recall: found / total }), missing, notes: structure.notes }
}

/** Notes that name missing text; those on pictures and on how the file was read do not. */
const namesMissing = (notes: readonly string[]): boolean =>
  notes.some((note) => !/^(A picture was|\d+ pictures were) left out|encoding/.test(note))

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
  '| source | files | refused | of these with text | compared | median | at least 98 % | less, with a note | less, without |',
)
console.log('|---|---|---|---|---|---|---|---|---|')
const isShort = ({ recall }: Reading): boolean => recall !== undefined && recall < minRecall
for (const [source, all] of [...Map.groupBy(readings, (reading) => reading.source), ['all', readings] as const]) {
  const compared = all.filter(({ recall }) => recall !== undefined)
  const recalls = compared.map(({ recall = 0 }) => recall).toSorted((a, b) => a - b)
  const median = recalls[Math.floor(recalls.length / 2)] ?? 0
  const short = compared.filter(isShort)
  const noted = short.filter(({ notes = [] }) => namesMissing(notes))
  const cells = [
    source,
    all.length,
    all.filter(({ refusal }) => refusal !== undefined).length,
    all.filter(({ isTextLost }) => isTextLost === true).length,
    compared.length,
    `${(median * 100).toFixed(1)} %`,
    compared.length - short.length,
    noted.length,
    short.length - noted.length,
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
if (values.list) {
  for (const { path, refusal, format } of readings)
    if (refusal !== undefined) console.log(`${refusal} ${path} ${format ?? ''}`)
  for (const { path, recall = 0, notes = [], missing = [] } of readings
    .filter(isShort)
    .toSorted((a, b) => (a.recall ?? 0) - (b.recall ?? 0)))
    console.log(`${(recall * 100).toFixed(1)} % ${path} ${JSON.stringify(notes)}: ${missing.slice(0, 12).join(' ')}`)
}
