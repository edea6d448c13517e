import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogEvent } from '../../../src/log/event.ts'
import { makeSamples, pageOf } from '../../fixtures/documents/make.ts'
import { makePdf, makePdfPage } from '../../fixtures/documents/pdf.ts'
import { progressOf } from '../../support/engine.ts'
import { type DocumentsFixture, startDocuments } from './support.ts'

const samples = makeSamples()
const sample = (name: string): Buffer => {
  const found = samples.find((one) => one.name === name)
  if (found === undefined) throw new Error(`There is no sample "${name}"`)
  return found.bytes
}

let fixture: DocumentsFixture
beforeAll(async () => {
  fixture = await startDocuments()
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})
const stagesOf = (events: readonly LogEvent[]): unknown[] => [
  ...new Set(events.flatMap((event) => (progressOf(event)['stage'] ? [progressOf(event)['stage']] : []))),
]

describe('a PDF', () => {
  test('becomes sections under its headings, with its pages and without repeated headers and footers', async () => {
    const { document, task, events } = await fixture.convert('bread.pdf', sample('bread.pdf'))
    expect(document).toMatchObject({
      status: 'READY',
      format: 'PDF',
      title: 'The Bread Book',
      notes: ['A picture was left out.', 'Page numbers and titles that repeat at the edges of pages were left out.'],
      pages: [
        { number: 1, label: '1', sectionKey: 'baking', offset: 0 },
        { number: 2, label: '2', sectionKey: 'baking' },
        { number: 3, label: '3', sectionKey: 'storing', offset: 0 },
        { number: 4, label: '4', sectionKey: 'storing' },
      ],
    })
    const sections = await fixture.documents.sections(document.id)
    expect(sections.map(({ heading, level, page }) => [heading, level, page])).toEqual([
      ['Baking', 1, 1],
      ['Storing', 1, 3],
    ])
    const [baking] = sections
    expect(baking?.body).toContain('the yeast turns sugar into gas, and the gas lets the dough rise.\n\nA second')
    expect(baking?.body.slice(document.pages[1]?.offset)).toMatch(/^Flour and water make dough, and page 2/)
    expect(stagesOf(events)).toEqual(['receiving', 'checking', 'extracting', 'structuring', 'storing'])
    expect(task.progress).toMatchObject({ percent: 100, completedItems: 4, totalItems: 4 })
  })

  test('reports how many of its pages are done', async () => {
    const pages = Array.from({ length: 30 }, (_, index) => pageOf(index + 1))
    const { events } = await fixture.convert('thirty.pdf', makePdf(pages))
    const completed = events.filter(({ type }) => type === 'TaskItemCompleted')
    expect(completed.map(({ payload }) => (payload['item'] as { label: string }).label)).toEqual(
      pages.map((_, index) => `Page ${index + 1}`),
    )
    for (const [index, event] of completed.entries()) {
      const share = ((index + 1) / pages.length) * 100
      expect(progressOf(event)['stagePercent']).toBeGreaterThanOrEqual(Math.floor(share))
      expect(progressOf(event)['completedItems']).toBe(index + 1)
    }
  })

  test('divides items between the pages of a long document', async () => {
    const pages = Array.from({ length: 250 }, (_, index) => pageOf(index + 1))
    const { task } = await fixture.convert('long.pdf', makePdf(pages))
    expect(task.progress).toMatchObject({ completedItems: 84, totalItems: 84 })
    const items = await fixture.items(task)
    expect(items[0]?.label).toBe('Pages 1–3')
    expect(items.at(-1)?.label).toBe('Page 250')
  })

  test('keeps headings in the position of running titles', async () => {
    const pages = Array.from({ length: 12 }, (_, index) => pageOf(index + 1, `Chapter ${index + 1}`))
    const { document } = await fixture.convert('chapters.pdf', makePdf(pages))
    const sections = await fixture.documents.sections(document.id)
    expect(sections.map(({ heading }) => heading)).toEqual(pages.map((_, index) => `Chapter ${index + 1}`))
  })

  test('takes its headings from its outline', async () => {
    const { document } = await fixture.convert('outline.pdf', sample('outline.pdf'))
    const sections = await fixture.documents.sections(document.id)
    expect(sections.map(({ heading, page }) => [heading, page])).toEqual([
      ['Baking', 1],
      ['Storing', 3],
    ])
  })

  test('has a section per page when nothing looks like a heading', async () => {
    const { document } = await fixture.convert('plain.pdf', makePdf([pageOf(1), pageOf(2)]))
    const sections = await fixture.documents.sections(document.id)
    expect(sections.map(({ heading, page }) => [heading, page])).toEqual([
      ['Page 1', 1],
      ['Page 2', 2],
    ])
  })

  test('is stored when its labels and its text contain what PostgreSQL cannot store', async () => {
    const { document, task } = await fixture.convert(
      'nul.pdf',
      makePdfPage({
        commands: 'BT /F1 12 Tf 72 720 Td (Some\\000 text\\001) Tj ET',
        catalog: '/PageLabels << /Nums [0 << /S /D /P (A\\000) >>] >>',
      }),
    )
    expect(task.status).toBe('COMPLETED')
    expect(document.pages.map(({ label }) => label)).toEqual(['A1'])
  })

  test('is detected by its content, whatever its name', async () => {
    const { document } = await fixture.convert('renamed-pdf.md', sample('renamed-pdf.md'))
    expect(document).toMatchObject({ status: 'READY', format: 'PDF' })
  })
})

describe('a Word document', () => {
  test('becomes sections under the headings of its styles, with links to the web only', async () => {
    const { document } = await fixture.convert('bread.docx', sample('bread.docx'))
    expect(document).toMatchObject({ status: 'READY', format: 'DOCX', title: 'Bread', pages: [] })
    const sections = await fixture.documents.sections(document.id)
    expect(sections.map(({ heading, level, body, page }) => [heading, level, body, page])).toEqual([
      ['Bread', 1, 'Flour and water make dough.', null],
      ['Yeast', 2, 'The yeast turns sugar into gas.\n\n[More](https://example.org/)\n\nRun', null],
    ])
  })
})

describe('a web page', () => {
  test('becomes text that runs nothing and fetches nothing', async () => {
    const { document } = await fixture.convert('page.html', sample('page.html'))
    expect(document).toMatchObject({
      status: 'READY',
      format: 'HTML',
      title: 'Bread',
      notes: ['A picture was left out.', 'Navigation was left out.'],
    })
    const [section] = await fixture.documents.sections(document.id)
    expect(section?.body).toBe(
      'Flour **and** water. A loaf\n\n[good](https://example.org/) bad relative\n\n| Flour | Water |\n| - | - |\n| 500 | 300 |\n\n\\<script>alert(4)\\</script>',
    )
  })

  test('is decoded with its declared encoding', async () => {
    const { document } = await fixture.convert('latin1.html', sample('latin1.html'))
    const [section] = await fixture.documents.sections(document.id)
    expect(section?.body).toBe('Brötchen, Crème')
  })
})
