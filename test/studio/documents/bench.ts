// Measures conversions on a real engine and prints a table: node test/studio/documents/bench.ts
// [FILE…]
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { connectDatabase } from '../../../src/db/connect.ts'
import { startEmbeddedPostgres } from '../../../src/db/embedded.ts'
import { migrate } from '../../../src/db/migrate.ts'
import { silentLogger } from '../../../src/logger.ts'
import { studioMigrations } from '../../../src/studio/migrations.ts'
import { makeDocx } from '../../fixtures/documents/docx.ts'
import { pageOf } from '../../fixtures/documents/make.ts'
import { makePdf } from '../../fixtures/documents/pdf.ts'
import { createTestDirectory } from '../../support/directory.ts'
import { startDocuments } from './support.ts'

const sentence = 'Flour and water make dough, and the yeast turns sugar into gas, which lets the dough rise slowly. '
const pdfOf = (pages: number): Buffer =>
  makePdf(
    Array.from({ length: pages }, (_, index) =>
      pageOf(index + 1, index % 10 === 0 ? `Chapter ${index + 1}` : undefined),
    ),
  )
const htmlOf = (megabytes: number): Buffer =>
  Buffer.from(
    `<!doctype html>${Array.from({ length: megabytes * 100 }, (_, index) => `<h2>Part ${index}</h2>${`<p>${sentence}<b>${sentence}</b></p>`.repeat(50)}`).join('')}`,
  )
const docxOf = (paragraphs: number): Buffer =>
  makeDocx(
    Array.from({ length: paragraphs }, (_, index) =>
      index % 20 === 0 ? { text: `Part ${index}`, style: 'Heading1' } : { text: sentence.repeat(5) },
    ),
  )
const files: [string, Uint8Array][] = [
  ['1 page.pdf', pdfOf(1)],
  ['100 pages.pdf', pdfOf(100)],
  ['1,000 pages.pdf', pdfOf(1_000)],
  ['2,000 pages.pdf', pdfOf(2_000)],
  ['small.html', Buffer.from('<!doctype html><h1>Small</h1><p>Text.')],
  ['1 MB.html', htmlOf(1)],
  ['5 MB.html', htmlOf(5)],
  ['10 MB.html', htmlOf(10)],
  ['24 MB.html', htmlOf(24)],
  ['small.docx', docxOf(20)],
  ['5,000 paragraphs.docx', docxOf(5_000)],
  ['small.md', Buffer.from('# Small\n\nText.')],
]
for (const path of process.argv.slice(2)) files.push([basename(path), await readFile(path)])

await using stack = new AsyncDisposableStack()
const directory = stack.use(await createTestDirectory({ isOnDisk: true }))
const postgres = stack.use(await startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger }))
const database = stack.use(await connectDatabase({ url: postgres.url, maxConnections: 20, logger: silentLogger }))
await migrate(database, silentLogger)
await migrate(database, silentLogger, studioMigrations)
const fixture = stack.use(
  await startDocuments({}, { url: postgres.url, database, [Symbol.asyncDispose]: async () => undefined }),
)
console.log(
  '| file | bytes | first progress | ready | events | pages | sections | words | longest pause of the server |',
)
console.log('|---|---|---|---|---|---|---|---|---|')
for (const [name, bytes] of files) {
  let pauseMs = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    pauseMs = Math.max(pauseMs, now - last - 5)
    last = now
  }, 5)
  const startedAt = Date.now()
  const { document, events } = await fixture.convert(name, bytes)
  clearInterval(timer)
  const first = events.find(
    ({ payload }) => (payload['progress'] as { stage?: string } | undefined)?.stage === 'extracting',
  )
  const sections = await fixture.documents.sections(document.id)
  const columns = [
    name,
    bytes.length,
    first === undefined ? '–' : `${Date.parse(String(first.at)) - startedAt} ms`,
    document.status === 'READY'
      ? `${Date.parse(String(events.at(-1)?.at)) - startedAt} ms`
      : (document.error?.code ?? 'failed'),
    events.length,
    document.pages.length || '–',
    sections.length,
    document.wordCount,
    `${Math.round(pauseMs)} ms`,
  ]
  console.log(`| ${columns.join(' | ')} |`)
}
