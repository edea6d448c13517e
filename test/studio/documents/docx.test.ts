import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../../src/studio/documents/convert/conversion.ts'
import { convertFile } from '../../../src/studio/documents/convert/convert.ts'
import { writeZip } from '../../../src/studio/documents/docx/zip.ts'
import type { Section } from '../../../src/studio/documents/structure/structure.ts'

const office = 'http://schemas.openxmlformats.org/officeDocument/2006'
const relationships = (targets: Readonly<Record<string, string>>): string =>
  `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${Object.entries(targets)
    .map(([type, target]) => `<Relationship Id="${type}" Type="${office}/relationships/${type}" Target="${target}"/>`)
    .join('')}</Relationships>`

/** Converts a Word document with the given body and further parts. */
async function read(
  body: string,
  {
    main = 'word/document.xml',
    targets = {},
    parts = {},
    rename = (name: string) => name,
  }: {
    readonly main?: string
    readonly targets?: Readonly<Record<string, string>>
    readonly parts?: Readonly<Record<string, string>>
    readonly rename?: (name: string) => string
  } = {},
): Promise<{ readonly text: string; readonly headings: readonly string[]; readonly notes: readonly string[] }> {
  const type = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml'
  const all: Readonly<Record<string, string>> = {
    '[Content_Types].xml': `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/${main}" ContentType="${type}"/></Types>`,
    '_rels/.rels': relationships({ officeDocument: main }),
    [main]: `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="${office}/relationships" xmlns:m="${office}/math"><w:body>${body}</w:body></w:document>`,
    [main.replace(/[^/]+$/, '_rels/$&.rels')]: relationships(targets),
    ...parts,
  }
  const bytes = writeZip(new Map(Object.entries(all).map(([name, text]) => [rename(name), Buffer.from(text)])))
  const { sections, notes } = await convertFile({ bytes, name: 'a.docx', limits: defaultLimits }, () => undefined)
  const found = sections.flatMap((json) => JSON.parse(json) as readonly Section[])
  return {
    text: found.map((section) => section.body).join('\n\n'),
    headings: found.map(({ heading }) => heading),
    notes,
  }
}

const paragraph = (text: string, properties = ''): string =>
  `<w:p>${properties === '' ? '' : `<w:pPr>${properties}</w:pPr>`}<w:r><w:t>${text}</w:t></w:r></w:p>`
const item = (text: string, list = 1, level = 0): string =>
  paragraph(text, `<w:numPr><w:ilvl w:val="${level}"/><w:numId w:val="${list}"/></w:numPr>`)
const level = (index: number, start = 1, format = 'decimal'): string =>
  `<w:lvl w:ilvl="${index}"><w:start w:val="${start}"/><w:numFmt w:val="${format}"/></w:lvl>`
const numbering = `<w:numbering xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:abstractNum w:abstractNumId="0">${level(0)}${level(1)}</w:abstractNum><w:abstractNum w:abstractNumId="1">${level(0, 4)}</w:abstractNum><w:abstractNum w:abstractNumId="2">${level(0, 1, 'bullet')}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num><w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num><w:num w:numId="4"><w:abstractNumId w:val="2"/></w:num></w:numbering>`
const lists = { targets: { numbering: 'numbering.xml' }, parts: { 'word/numbering.xml': numbering } }

describe('a Word document', () => {
  test('continues the numbers of a list after another paragraph, and restarts where Word does', async () => {
    const body = [
      ...[
        item('Open'),
        item('Wait'),
        paragraph('A remark.'),
        item('Close'),
        item('In part', 1, 1),
        paragraph('Another.'),
      ],
      ...[
        item('Leave'),
        paragraph('Then'),
        item('Read', 2),
        paragraph('Again'),
        item('Anew', 3),
        paragraph('Not'),
        item('Dot', 4),
      ],
    ].join('')
    const { text } = await read(body, lists)
    expect(text).toBe(
      '1. Open\n2. Wait\n\nA remark.\n\n3. Close\n   1. In part\n\nAnother.\n\n4. Leave\n\nThen\n\n4. Read\n\nAgain\n\n1. Anew\n\nNot\n\n- Dot',
    )
  })

  test('shows labels that are no plain numbers, and counts through the styles of paragraphs', async () => {
    const labelled = (index: number, format: string, pattern: string, more = ''): string =>
      `<w:lvl w:ilvl="${index}"><w:start w:val="1"/><w:numFmt w:val="${format}"/>${more}<w:lvlText w:val="${pattern}"/></w:lvl>`
    const levels = [
      labelled(0, 'upperRoman', 'Article %1', '<w:pStyle w:val="Heading1"/>'),
      labelled(1, 'decimal', '%1.%2', '<w:isLgl/>'),
      labelled(2, 'lowerLetter', '(%3)'),
      labelled(3, 'decimal', '%4)'),
    ].join('')
    const xmlns = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    const parts = {
      'word/numbering.xml': `<w:numbering ${xmlns}><w:abstractNum w:abstractNumId="0">${levels}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>`,
      'word/styles.xml': `<w:styles ${xmlns}><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style><w:style w:type="paragraph" w:styleId="Clause"><w:name w:val="Clause"/><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr></w:pPr></w:style><w:style w:type="paragraph" w:styleId="Note"><w:name w:val="Note"/><w:basedOn w:val="Clause"/></w:style></w:styles>`,
    }
    const styled = (style: string, text: string): string => paragraph(text, `<w:pStyle w:val="${style}"/>`)
    const changed =
      '<w:pPrChange w:id="1"><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr></w:pPrChange>'
    const { text, headings } = await read(
      [
        ...[styled('Heading1', 'Scope'), styled('Clause', 'Every file.'), styled('Note', 'Every page.')],
        ...[item('Open', 1, 2), item('Wait', 1, 2), item('Once', 1, 3), item('Twice', 1, 3)],
        ...[styled('Heading1', 'Time'), styled('Clause', 'Always.'), paragraph('The end.', changed)],
      ].join(''),
      { targets: { numbering: 'numbering.xml', styles: 'styles.xml' }, parts },
    )
    expect(headings).toEqual(['Article I Scope', 'Article II Time'])
    expect(text).toBe(
      '1.1 Every file.\n\n1.2 Every page.\n\n- (a) Open\n\n- (b) Wait\n\n  1. Once\n  2. Twice\n\n2.1 Always.\n\nThe end.',
    )
  })

  test('keeps the numbers of items in the cells of a table', async () => {
    const row = (...cells: readonly string[]): string =>
      `<w:tr>${cells.map((cell) => `<w:tc>${cell}</w:tc>`).join('')}</w:tr>`
    const { text } = await read(
      `<w:tbl>${row(paragraph('To do'), paragraph('Done'))}${row(item('Open') + item('Wait'), item('Close'))}</w:tbl>`,
      lists,
    )
    expect(text).toMatch(/\| 1\. Open +2\. Wait +\| 3\. Close +\|/)
  })

  test('separates words at a paragraph mark that was deleted', async () => {
    const mark = '<w:rPr><w:del w:id="1" w:author="A"/></w:rPr>'
    const { text } = await read(paragraph('split', mark) + paragraph('Paragraph.'))
    expect(text).toBe('split Paragraph.')
  })

  test('includes its equations', async () => {
    const run = (text: string): string => `<m:r><m:t>${text}</m:t></m:r>`
    const { text } = await read(
      `${paragraph('The area is')}<w:p><m:oMathPara><m:oMathParaPr><m:jc m:val="left"/></m:oMathParaPr><m:oMath>${run('A=π')}<m:sSup><m:e>${run('r')}</m:e><m:sup>${run('2')}</m:sup></m:sSup></m:oMath></m:oMathPara></w:p><w:p><w:r><w:t xml:space="preserve">with </w:t></w:r><m:oMath><m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>${run('i=1')}</m:sub><m:sup>${run('n')}</m:sup><m:e><m:f><m:num>${run('1')}</m:num><m:den>${run('i+1')}</m:den></m:f></m:e></m:nary>${run('&lt;')}<m:rad><m:radPr><m:degHide m:val="1"/></m:radPr><m:deg/><m:e>${run('x')}</m:e></m:rad><m:d><m:dPr><m:begChr m:val="["/><m:endChr m:val="]"/></m:dPr><m:e>${run('y')}</m:e></m:d></m:oMath><w:r><w:t>.</w:t></w:r></w:p>`,
    )
    expect(text.replaceAll('\\', '')).toBe('The area is\n\nA=πr^2\n\nwith ∑_(i=1)^n 1/(i+1)<√(x)[y] .')
  })

  test('includes embedded pages in their place, and names those it cannot read', async () => {
    const { text, notes } = await read(
      `${paragraph('Before.')}<w:altChunk r:id="aFChunk"/><w:altChunk r:id="other"><w:altChunkPr/></w:altChunk>${paragraph('After.')}`,
      {
        targets: { aFChunk: 'page.html', other: 'part.mht' },
        parts: {
          'word/page.html': '<html><head><style>p{}</style></head><body><p>Embedded <b>page</b>.</p></body></html>',
        },
      },
    )
    expect(text).toBe('Before.\n\nEmbedded **page**.\n\nAfter.')
    expect(notes).toEqual(['A part of the Word document in another format was left out ("part.mht").'])
  })

  test('may consist of an embedded page alone', async () => {
    const { text } = await read('<w:altChunk r:id="aFChunk"/>', {
      targets: { aFChunk: '/word/page.html' },
      parts: { 'word/page.html': '<p>Everything.' },
    })
    expect(text).toBe('Everything.')
  })

  test('may have backslashes in the names of its parts', async () => {
    const { text } = await read(item('Open'), { ...lists, rename: (name) => name.replaceAll('/', '\\') })
    expect(text).toBe('1. Open')
  })

  test('may have its main part anywhere', async () => {
    const { text } = await read(paragraph('Somewhere else.'), { main: 'content/main.xml' })
    expect(text).toBe('Somewhere else.')
  })

  test('names the parts that are left out', async () => {
    const { notes } = await read(`${paragraph('Text.')}<w:unknown/>`, {
      parts: {
        'word/comments.xml': '<w:comments xmlns:w="w"><w:comment><w:t>Why?</w:t></w:comment></w:comments>',
        'word/header1.xml': '<w:hdr xmlns:w="w"><w:t>Draft</w:t></w:hdr>',
        'word/footer1.xml': '<w:ftr xmlns:w="w"/>',
      },
    })
    expect(notes).toEqual([
      'Comments of the Word document were left out.',
      'Headers and footers of the Word document were left out.',
      'Parts of the Word document of these kinds were left out: w:unknown.',
    ])
  })
})
