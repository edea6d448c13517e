import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../../src/studio/documents/convert/conversion.ts'
import { convert } from '../../../src/studio/documents/convert/convert.ts'
import type { DocumentStructure } from '../../../src/studio/documents/structure/structure.ts'
import { makePdf, makePdfOfObjects, makePdfPage, type PdfPageParts } from '../../fixtures/documents/pdf.ts'

const read = (bytes: Uint8Array): Promise<DocumentStructure> =>
  convert({ format: 'PDF', name: 'a.pdf', bytes, limits: defaultLimits }, () => undefined)
const textOf = ({ sections }: DocumentStructure): string => sections.map(({ body }) => body).join('\n\n')
const readText = async (parts: PdfPageParts): Promise<string> => textOf(await read(makePdfPage(parts)))
const line = (text: string, x: number, y: number): string => `BT /F1 12 Tf 1 0 0 1 ${x} ${y} Tm (${text}) Tj ET`
const report = [line('Report of the water works.', 72, 720), line('The table is set sideways.', 72, 704)].join('\n')

describe('rotated text of a PDF', () => {
  const table = ['Month Inflow Loss', 'January 1204 104', 'February 1310 105']
  const rotated = {
    'up the page': (text: string, index: number) => `BT /F1 11 Tf 0 1 -1 0 ${300 + index * 14} 100 Tm (${text}) Tj ET`,
    'down the page': (text: string, index: number) =>
      `BT /F1 11 Tf 0 -1 1 0 ${400 - index * 14} 700 Tm (${text}) Tj ET`,
    'upside down': (text: string, index: number) => `BT /F1 11 Tf -1 0 0 -1 500 ${300 + index * 14} Tm (${text}) Tj ET`,
    'at 45 degrees': (text: string, index: number) =>
      `BT /F1 11 Tf 0.7071 0.7071 -0.7071 0.7071 ${200 + index * 10} ${200 - index * 10} Tm (${text}) Tj ET`,
  }
  test.each(Object.entries(rotated))('that runs %s follows the upright text, line by line', async (_, draw) => {
    const text = await readText({ commands: [...table.map(draw), report].join('\n') })
    expect(text).toBe(
      'Report of the water works. The table is set sideways.\n\nMonth Inflow Loss January 1204 104 February 1310 105',
    )
  })

  test('is the text of a page without any other', async () => {
    const text = await readText({ commands: table.map(rotated['up the page']).join('\n') })
    expect(text).toBe('Month Inflow Loss January 1204 104 February 1310 105')
  })

  test('reads like any other when the page is rotated with it', async () => {
    const text = await readText({ commands: table.map(rotated['up the page']).join('\n'), page: '/Rotate 90' })
    expect(text).toBe('Month Inflow Loss January 1204 104 February 1310 105')
  })

  test('is neither a title nor a heading when it is a stamp', async () => {
    const stamp = 'BT /F1 40 Tf 0 1 -1 0 40 100 Tm (Confidential copy) Tj ET'
    const structure = await read(makePdfPage({ commands: `${stamp}\n${report}` }))
    expect(structure.title).toBe('a')
    expect(textOf(structure)).toContain('Confidential copy')
  })

  test('is left out with a note when it repeats in the margin of every page', async () => {
    const page = (number: number) => ({
      commands: `${report}\n${line(`Own text ${'abcd'[number]}`, 72, 600)}\nBT /F1 9 Tf 0 1 -1 0 20 100 Tm (Downloaded by a reader) Tj ET`,
    })
    const structure = await read(makePdf([0, 1, 2, 3].map(page)))
    expect(textOf(structure)).not.toContain('Downloaded')
    expect(structure.notes).toContain('Page numbers and titles that repeat at the edges of pages were left out.')
  })
})

describe('the words of a PDF', () => {
  const type3 = `<< /Type /Font /Subtype /Type3 /FontBBox [0 0 100 1] /FontMatrix [1 0 0 1 0 0] /CharProcs << >> /FirstChar 97 /LastChar 122 /Widths [${'80 '.repeat(26)}] /Encoding << /Type /Encoding /Differences [97 ${[...'abcdefghijklmnopqrstuvwxyz'].map((letter) => `/${letter}`).join(' ')}] >> >>`
  const cases: readonly [name: string, parts: PdfPageParts, text: string][] = [
    [
      'are read once when they are drawn again to look bold',
      { commands: [line('Valve', 72, 700), line('Valve', 72.4, 700), line('Valves leak', 72, 700)].join('\n') },
      'Valves leak',
    ],
    [
      'are read twice when they stand twice',
      { commands: [line('Valve', 72, 700), line('Valve', 110, 700)].join('\n') },
      'Valve Valve',
    ],
    [
      'are not divided in a condensed font',
      {
        commands: [
          ['prop', 72],
          ['erty', 111.1],
          ['loss', 155],
        ]
          .map(([text, x]) => `BT /F1 1 Tf 0.12 0 0 12 ${x} 700 Tm (${text}) Tj ET`)
          .join('\n'),
        font: type3,
      },
      'property loss',
    ],
    [
      'are not divided where letters are set apart',
      { commands: 'BT /F1 20 Tf 6 Tc 72 700 Td (Annual report) Tj ET' },
      'Annual report',
    ],
    ['are single letters in a series', { commands: 'BT /F1 20 Tf 6 Tc 72 700 Td (ABCDEFG) Tj ET' }, 'A B C D E F G'],
    [
      'are in the order of their places when a formula is drawn font by font',
      { commands: [line('x', 72, 700), line('z', 120, 700), line('y', 96, 700)].join('\n') },
      'x y z',
    ],
    [
      'keep the hyphen of a compound at the end of a line',
      {
        commands: [
          line('The pipe runs North-', 72, 700),
          line('South and is a main connec-', 72, 686),
          line('tion.', 72, 672),
        ].join('\n'),
      },
      'The pipe runs North-South and is a main connection.',
    ],
    [
      'are joined in a font of shapes, which states no size',
      {
        commands:
          'BT /F1 1 Tf 0.12 0 0 0.12 72 700 Tm (quan) Tj 1 0 0 1 0 0 Tm ET BT /F1 1 Tf 0.12 0 0 0.12 109.9 700 Tm (tile) Tj ET',
        font: type3,
      },
      'quantile',
    ],
  ]
  test.each(cases)('%s', async (_, parts, text) => {
    expect(await readText(parts)).toBe(text)
  })
})

describe('the annotations of a PDF', () => {
  const widget = (entries: string, rect = '180 675 480 695'): string =>
    `<< /Type /Annot /Subtype /Widget /Rect [${rect}] /P 3 0 R /F 4 /DA (/F1 12 Tf 0 g) ${entries} >>`
  const form = [line('Application', 72, 720), line('Name:', 72, 680), line('Reason:', 72, 640)].join('\n')

  test('put the values of form fields after their labels', async () => {
    const text = await readText({
      commands: form,
      annotations: [
        widget('/FT /Tx /T (reason) /V (Tomatoes\\rfor the school)', '180 600 480 655'),
        widget('/FT /Tx /T (name) /V (Marigold Example)'),
      ],
    })
    expect(text).toContain('Name: Marigold Example')
    expect(text).toContain('Reason: Tomatoes for the school')
  })

  test('show the chosen options and the checked boxes, and neither hidden fields nor passwords', async () => {
    const text = await readText({
      commands: [form, line('I agree', 200, 560), line('I refuse', 200, 540)].join('\n'),
      annotations: [
        widget('/FT /Ch /T (size) /Ff 131072 /Opt [[(s) (Small plot)] [(l) (Large plot)]] /V (l)', '180 635 480 655'),
        widget('/FT /Btn /T (yes) /V /On /AS /On /AP << /N << /On 4 0 R /Off 4 0 R >> >>', '180 555 195 570'),
        widget('/FT /Btn /T (no) /V /Off /AS /Off /AP << /N << /On 4 0 R /Off 4 0 R >> >>', '180 535 195 550'),
        widget('/FT /Tx /T (hidden) /V (Hidden value) /F 2'),
        widget('/FT /Tx /T (secret) /Ff 8192 /V (Secret value)'),
      ].map((annotation) =>
        annotation.replace('/F 4 /DA (/F1 12 Tf 0 g) /FT /Tx /T (hidden)', '/DA (/F1 12 Tf 0 g) /FT /Tx /T (hidden)'),
      ),
    })
    expect(text).toContain('Reason: Large plot')
    expect(text).toMatch(/☒ I agree/)
    expect(text).not.toMatch(/☒ I refuse|Hidden|Secret/)
  })

  test('show all options of a list box, and note the texts on buttons', async () => {
    const structure = await read(
      makePdfPage({
        commands: form,
        annotations: [
          widget('/FT /Ch /T (kind) /Opt [(Rose) (Tulip)] /V (Tulip)', '180 635 480 655'),
          widget('/FT /Btn /T (send) /Ff 65536 /MK << /CA (Send) >>', '180 555 195 570'),
        ],
      }),
    )
    expect(textOf(structure)).toContain('Reason: Rose Tulip')
    expect(structure.notes).toEqual(['The text on a button or a signature was left out.'])
  })

  test('are the text of a form without any other', async () => {
    expect(await readText({ commands: '', annotations: [widget('/FT /Tx /T (a) /V (Only a value)')] })).toBe(
      'Only a value',
    )
  })

  test('put a text typed onto the page where it is, and count comments in a note', async () => {
    const structure = await read(
      makePdfPage({
        commands: [line('Above.', 72, 720), line('Below.', 72, 400)].join('\n'),
        annotations: [
          '<< /Type /Annot /Subtype /FreeText /Contents (Replace the second figure) /DA (/F1 12 Tf 0 g) /Rect [72 500 400 540] /F 4 >>',
          '<< /Type /Annot /Subtype /Text /Contents (A remark) /Rect [10 10 30 30] /F 4 >>',
        ],
      }),
    )
    expect(textOf(structure)).toBe('Above.\n\nReplace the second figure\n\nBelow.')
    expect(structure.notes).toEqual(['A comment was left out.'])
  })
})

test('notes the stamps and the players on the pages of a PDF', async () => {
  const drawn = (subtype: string): string =>
    `<< /Type /Annot /Subtype /${subtype} /Rect [72 400 272 440] /F 4 /AP << /N 4 0 R >> >>`
  const structure = await read(makePdfPage({ commands: report, annotations: [drawn('Screen'), drawn('Sound')] }))
  expect(structure.notes).toEqual(['2 players for sound or video were left out.'])
})

describe('a PDF in Japanese', () => {
  const descriptor =
    '<< /Type /FontDescriptor /FontName /Ryumin /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 700 /StemV 80 >>'
  const font = (encoding: string): string =>
    `<< /Type /Font /Subtype /Type0 /BaseFont /Ryumin /Encoding /${encoding} /DescendantFonts [<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Ryumin /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> /FontDescriptor ${descriptor} >>] >>`
  const show = (codes: string): string => `BT /F1 12 Tf 72 700 Td <${codes}> Tj ET`

  test.each([
    ['90ms-RKSJ-H', '93FA967B8CEA'],
    ['EUC-H', 'C6FCCBDCB8EC'],
    ['UniJIS-UCS2-H', '65E5672C8A9E'],
    ['UniJIS-UTF16-V', '65E5672C8A9E'],
    ['Identity-H', '0CD40E8A07A0'],
  ])('that refers to the character map %s is read', async (encoding, codes) => {
    expect(await readText({ commands: show(codes), font: font(encoding) })).toBe('日本語')
  })

  test('has no spaces between its lines', async () => {
    const commands = `BT /F1 12 Tf 72 700 Td <93FA967B> Tj 0 -16 Td <8CEA> Tj ET`
    expect(await readText({ commands, font: font('90ms-RKSJ-H') })).toBe('日本語')
  })
})

describe('a PDF in Arabic', () => {
  // Codes a to d stand for the words, in the isolated forms of their letters.
  const map = [
    ['61', 'FE8D'],
    ['62', 'FE8F'],
    ['63', 'FE95'],
    ['64', 'FEDF FEE4'],
  ]
  const cmap = `/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def
1 begincodespacerange <00> <ff> endcodespacerange
${map.length} beginbfchar
${map.map(([code, forms]) => `<${code}> <${forms?.replace(' ', '')}>`).join('\n')}
endbfchar endcmap end end`
  const read = async (commands: string): Promise<string> =>
    textOf(
      await convert(
        {
          format: 'PDF',
          name: 'a.pdf',
          bytes: makePdfOfObjects([
            '<< /Type /Catalog /Pages 2 0 R >>',
            '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
            '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 7 0 R >> >> >>',
            { dictionary: '', data: commands },
            '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 6 0 R >>',
            { dictionary: '', data: cmap },
            '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
          ]),
          limits: defaultLimits,
        },
        () => undefined,
      ),
    )
  const word = (text: string, x: number, font = 'F1'): string => `BT /${font} 12 Tf 1 0 0 1 ${x} 700 Tm (${text}) Tj ET`

  test.each([
    ['from right to left', [word('aaaa', 400), word('bbbb', 340), word('cccc', 280)]],
    ['from left to right', [word('cccc', 280), word('bbbb', 340), word('aaaa', 400)]],
  ])('is read in its order, with the letters that are typed, when its words are drawn %s', async (_, words) => {
    expect(await read(words.join('\n'))).toBe('اااا بببب تتتت')
  })

  test('keeps the order of the numbers and the Latin words in it', async () => {
    const words = [
      word('aaaa', 400),
      word('bbbb', 340),
      word('cccc', 220),
      word('left', 260, 'F2'),
      word('right 12', 290, 'F2'),
    ]
    expect(await read(words.join('\n'))).toBe('اااا بببب left right 12 تتتت')
  })

  test('keeps the order of a Latin line with Arabic words', async () => {
    const words = [
      word('The words', 72, 'F2'),
      word('bbbb', 140),
      word('aaaa', 190),
      word('are quoted here', 230, 'F2'),
    ]
    expect(await read(words.join('\n'))).toBe('The words اااا بببب are quoted here')
  })
})

describe('a PDF whose end is not where it should be', () => {
  const pdf = makePdfPage({ commands: report })

  test.each([
    ['data behind its end', Buffer.concat([pdf, Buffer.alloc(119_000, 'junk ')])],
    ['a byte order mark before it', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), pdf])],
    [
      'a wrong length in its linearization',
      Buffer.from(pdf.toString('latin1').replace('1 0 obj\n<<', '1 0 obj\n<< /Linearized 1 /L 999999 /N 1'), 'latin1'),
    ],
  ])('is read with %s', async (_, bytes) => {
    expect(textOf(await read(bytes))).toContain('water works')
  })

  test('is read with a note when only the end is missing', async () => {
    const { notes } = await read(pdf.subarray(0, pdf.indexOf('startxref')))
    expect(notes).toEqual(['The end of the file is missing; text that was stored there is missing as well.'])
  })

  test('is refused when pages are missing', async () => {
    const pages = makePdf(Array.from({ length: 20 }, (_, index) => [{ text: `Page ${index}`, y: 700 }]))
    await expect(read(pages.subarray(0, pages.length / 2))).rejects.toMatchObject({
      code: 'DAMAGED',
      message: 'The PDF ends in the middle: its end is missing',
    })
  })
})

describe('a PDF that cannot be read', () => {
  test('is called encrypted when it is encrypted for certificates', async () => {
    const trailer = '/Encrypt << /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s5 /V 4 /Length 128 >> /ID [<00> <00>]'
    await expect(read(makePdfPage({ commands: report, trailer }))).rejects.toMatchObject({ code: 'ENCRYPTED' })
  })

  test('is called a scan only when it has pictures', async () => {
    await expect(read(makePdf([{ commands: '/I1 Do', hasImage: true }]))).rejects.toMatchObject({
      code: 'NO_TEXT_LAYER',
      message: 'The PDF has one page and no text: it seems to be a scan, pictures of pages',
    })
    await expect(read(makePdf([{ commands: '72 72 200 200 re f' }]))).rejects.toMatchObject({
      code: 'NO_TEXT_LAYER',
      message: 'The PDF has one page and no text: its pages are empty, or their letters are drawn as shapes',
    })
  })
})

test('removes control characters from the labels of pages', async () => {
  const labels: string[][] = []
  const bytes = makePdfPage({ commands: report, catalog: '/PageLabels << /Nums [0 << /S /D /P (A\\000\\001) >>] >>' })
  const { pages } = await convert({ format: 'PDF', name: 'a.pdf', bytes, limits: defaultLimits }, (step) => {
    if (step.is === 'opened') labels.push([...step.labels])
  })
  expect(labels).toEqual([['A1']])
  expect(pages?.[0]?.label).toBe('A1')
})

test.each([
  ['codes of private use', 'E061'],
  ['control characters', '0081'],
])('notes a page whose font maps its letters to %s', async (_, code) => {
  const cmap = `1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfrange <61> <7a> <${code}> endbfrange`
  const structure = await read(
    makePdfOfObjects([
      '<< /Type /Catalog /Pages 2 0 R >>',
      '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
      '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
      { dictionary: '', data: line('Unknown LETTERS here and there', 72, 700) },
      '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 6 0 R >>',
      { dictionary: '', data: cmap },
    ]),
  )
  expect(structure.notes).toEqual(['Page 1: fonts do not say which letters they show, so text is missing or wrong.'])
})

test('notes a page with letters that are guessed by the numbers of their glyphs', async () => {
  const names = [...'RTWABIGP'].map((letter) => `/g00${((letter.codePointAt(0) ?? 0) - 29).toString(16)}`).join(' ')
  const font = `<< /Type /Font /Subtype /Type1 /BaseFont /Unknown /Encoding << /Type /Encoding /BaseEncoding /WinAnsiEncoding /Differences [161 ${names}] >> >>`
  const structure = await read(makePdfPage({ commands: line('\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8', 72, 700), font }))
  expect(structure.notes).toEqual(['Page 1: fonts do not say which letters they show, so text is missing or wrong.'])
})
