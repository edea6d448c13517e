import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import type { RootContent } from 'mdast'
import { toString as textOf } from 'mdast-util-to-string'
import remarkGfm from 'remark-gfm'
import remarkParse from 'remark-parse'
import { unified } from 'unified'
import { describe, expect, test } from 'vitest'
import { type DocumentStructure, structureSteps } from '../../src/studio/documents/structure/structure.ts'
import { detectFormat } from '../../src/studio/documents/structure/structure-decode.ts'
import { DocumentError } from '../../src/studio/documents/structure/structure-error.ts'
import { readStructure } from './read-structure.ts'

const encoder = new TextEncoder()
const markdown = (text: string): DocumentStructure => readStructure({ text, format: 'MARKDOWN' })
const plain = (text: string): DocumentStructure => readStructure({ text, format: 'PLAIN_TEXT' })
const outlineOf = (structure: DocumentStructure): string[] =>
  structure.sections.map(({ level, heading }) => `${level} ${heading}`)
const refusal = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    if (error instanceof DocumentError) return error.code
    throw error
  }
  return 'none'
}

describe('Markdown', () => {
  const cases: readonly [name: string, text: string, outline: readonly string[]][] = [
    [
      'ATX headings of every level',
      '# a\n## b\n### c\n#### d\n##### e\n###### f',
      ['1 a', '2 b', '3 c', '4 d', '5 e', '6 f'],
    ],
    ['setext headings', 'Big\n===\ntext\n\nSmall\n---\ntext', ['1 Big', '2 Small']],
    ['text in front of the first heading', 'Hello.\n\n# Title\ntext', ['1 Introduction', '1 Title']],
    ['no heading at all', 'Just a few words.\n\nAnd more.', ['1 Just a few words. And more.']],
    ['number signs in fenced code', '# a\n```sh\n# no\n```\n~~~\n# no\n~~~\n## b', ['1 a', '2 b']],
    ['number signs in indented code', '# a\n\n    # no\n\n## b', ['1 a', '2 b']],
    ['number signs in comments', '# a\n<!--\n# no\n\n# no\n-->\n## b', ['1 a', '2 b']],
    ['headings in quotes and lists', '# a\n> # no\n\n- # no\n\n## b', ['1 a', '2 b']],
    ['headings with markup', '# The `x` of *y* [z](u) ![w](v)', ['1 The x of y z w']],
    ['HTML headings', '<h1 align="center">My <b>tool</b></h1>\n\ntext\n\n## Use', ['1 My tool', '2 Use']],
    ['closing number signs and no space', '# a #\n\n#no\n\n####### no', ['1 a']],
    ['front matter in YAML', '---\ntitle: "T"\nx: 1\n---\n# a\ntext', ['1 a']],
    ['a rule at the start is no front matter', '---\n\n# a\n\n---\ntext', ['1 Introduction', '1 a']],
    ['CRLF and a byte order mark', '\ufeff# a\r\n\r\ntext\r\n\r\nb\r\n---\r\n', ['1 a', '2 b']],
    ['a fence that never closes', '# a\n```\n# no\n\n# no', ['1 a']],
    ['equal headings', '# a\n# a\n# a-2\n# a', ['1 a', '1 a', '1 a-2', '1 a']],
  ]
  test.each(cases)('parses %s', (_, text, outline) => {
    const structure = markdown(text)
    expect(outlineOf(structure)).toEqual(outline)
    expect(new Set(structure.sections.map(({ key }) => key)).size).toBe(outline.length)
  })

  test('takes the title from the front matter, the first level 1, any heading, the name, the first words', () => {
    expect(markdown('---\ntitle: Given\n---\n# a').title).toBe('Given')
    expect(markdown('## b\n# a').title).toBe('a')
    expect(markdown('### c\ntext').title).toBe('c')
    expect(readStructure({ text: 'text', format: 'MARKDOWN', name: 'dir/My notes.md' }).title).toBe('My notes')
    expect(markdown('Some words here').title).toBe('Some words here')
  })

  test('finds links of every kind once, each in its section, and none that runs code', () => {
    const text = [
      '# a',
      '[in line](http://a.b/1 "t") and [by reference][Ref] and [collapsed][] and <http://a.b/2> and www.a.b',
      '## b',
      '| [cell](http://a.b/3) |\n|---|\n\n<p><a href="http://a.b/4">by <b>HTML</b></a></p>',
      '[bad](javascript:alert%281%29) [bad](data:text/html,x) [![badge](x.svg)](./rel.md) `[no](http://no)`',
      '[ref]: http://a.b/5',
      '[collapsed]: #c',
    ].join('\n\n')
    expect(markdown(text).links).toEqual([
      { text: 'in line', url: 'http://a.b/1', sectionKey: 'a' },
      { text: 'by reference', url: 'http://a.b/5', sectionKey: 'a' },
      { text: 'collapsed', url: '#c', sectionKey: 'a' },
      { text: 'http://a.b/2', url: 'http://a.b/2', sectionKey: 'a' },
      { text: 'www.a.b', url: 'http://www.a.b', sectionKey: 'a' },
      { text: 'cell', url: 'http://a.b/3', sectionKey: 'b' },
      { text: 'by HTML', url: 'http://a.b/4', sectionKey: 'b' },
      { text: 'badge', url: './rel.md', sectionKey: 'b' },
    ])
  })

  test('includes in a section the definitions of its reference links', () => {
    const [a, b] = markdown('# a\n[x][1] and [y][2]\n\n[2]: http://own\n\n# b\n[1]: http://far').sections
    expect(a?.body).toBe('[x][1] and [y][2]\n\n[2]: http://own\n\n[1]: <http://far>')
    expect(b?.body).toBe('[1]: http://far')
  })

  test('counts words without markup and addresses', () => {
    expect(markdown('# One two\n\n**three** [four](http://five.six/seven)\n\n    eight').wordCount).toBe(5)
    expect(markdown('学习编程').wordCount).toBe(4)
  })

  test('keeps a real document complete', () => {
    const structure = markdown(readFileSync('node_modules/ws/README.md', 'utf8'))
    expect(structure.title).toBe('ws: a Node.js WebSocket library')
    expect(outlineOf(structure)).toContain('3 Sending and receiving text data')
    expect(structure.links.length).toBeGreaterThan(30)
  })
})

const words = fc.stringMatching(/^[a-z]{1,8}( [a-z]{1,8}){0,12}$/)
const block = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 6 }), words).map(([level, text]) => `${'#'.repeat(level)} ${text}`),
  words.map((text) => `${text}\n===`),
  words.map((text) => `${text}\n---`),
  words,
  words.map((text) => `- ${text}\n\n  \`\`\`\n  # no\n\n# after a list\n  \`\`\`\n- b`),
  words.map((text) => `1. ${text}\n   # in an item\n\n   more\n2. b\nlazy`),
  words.map((text) => `\`\`\`\n# no ${text}\n\n# no\n\`\`\``),
  words.map((text) => `~~~~\n\`\`\`\n# ${text}\n~~~\n\n~~~~`),
  words.map((text) => `> # ${text}\n> \`\`\`\n> # no\nlazy or not`),
  words.map((text) => `<!-- ${text}\n\n# no\n-->`),
  words.map((text) => `<div>\n# no ${text}\n\n</div>`),
  words.map((text) => `<pre>\n\n# no ${text}\n\n</pre>`),
  words.map((text) => `| ${text} | b |\n|---|---|\n| c | [d](e) |`),
  words.map((text) => `    # code ${text}\n\n    more`),
  words.map((text) => `[${text}]: http://a.b`),
  words.map((text) => `[^1]: ${text}\n\n    # in a footnote`),
  fc.constantFrom(
    '---',
    '***',
    ' # indented',
    '   ## deeper',
    '#',
    '```',
    '<script>',
    '- ',
    '>',
    '\t# tab',
    'a\n# b\nc',
  ),
)
const documents = fc
  .array(fc.tuple(block, fc.constantFrom('\n', '\n\n', '\n\n\n')), { minLength: 1, maxLength: 800 })
  .map((blocks) => blocks.flat().join(''))

/** More with `FC_RUNS=500 vitest run test/studio/structure.test.ts`. */
const runs = Number(process.env['FC_RUNS'] ?? 25)

const wholeParser = unified().use(remarkParse).use(remarkGfm).freeze()
const headingsAtOnce = (text: string): string[] =>
  wholeParser
    .parse(text)
    .children.flatMap((node: RootContent) =>
      node.type === 'heading' && textOf(node) !== '' ? [`${node.depth} ${textOf(node).replace(/\s+/g, ' ')}`] : [],
    )

describe('any Markdown', () => {
  test('has the headings found by parsing it at once, although it is parsed window by window', () => {
    fc.assert(
      fc.property(documents, (text) => {
        fc.pre(!/^---\n/.test(text) && text.trim() !== '')
        const refused = refusal(() => markdown(text))
        if (refused !== 'none') {
          expect(refused).toBe('NO_TEXT')
          return
        }
        const found = outlineOf(markdown(text))
        const expected = headingsAtOnce(text)
        expect(found.slice(found.length - expected.length)).toEqual(expected)
      }),
      { numRuns: runs },
    )
  })

  test('keeps all its text: without white space, headings and bodies are the document', () => {
    fc.assert(
      fc.property(documents, (given) => {
        // HTML is shown as its text; see documents/safe.test.ts.
        const text = given.replaceAll(']: ', '] ').replaceAll('<', '(')
        fc.pre(!/^---\n/.test(text) && /^#|\n#|[-=]\n/.test(text) && refusal(() => markdown(text)) === 'none')
        const letters = (part: string): string => part.replace(/[^a-z]/g, '')
        const { sections } = markdown(text)
        const all = sections.map(({ heading, body }) => letters(heading) + letters(body)).join('')
        // The first heading may be generated, for text before all headings.
        const withoutFirst = all.slice(letters(sections[0]?.heading ?? '').length)
        expect([all, withoutFirst]).toContain(letters(text))
      }),
      { numRuns: runs },
    )
  })

  test('throws nothing but a DocumentError', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.uint8Array({ maxLength: 300 })),
        (input) => {
          const given = typeof input === 'string' ? { text: input } : { bytes: input }
          refusal(() => readStructure({ ...given, format: 'MARKDOWN' }))
          refusal(() => readStructure({ ...given, format: 'PLAIN_TEXT' }))
          refusal(() => detectFormat('x', typeof input === 'string' ? encoder.encode(input) : input))
        },
      ),
    )
  })
})

describe('hostile and huge Markdown', () => {
  const n = 20_000
  const inputs: readonly [string, string][] = [
    ['number signs', '#'.repeat(n)],
    ['quotes in one another', '>'.repeat(n)],
    ['lists in one another', '- '.repeat(n)],
    ['numbered lists in one another', '1. '.repeat(n)],
    [
      'lists indented ever further',
      Array.from({ length: 500 }, (_, depth) => `${' '.repeat(2 * depth)}- a`).join('\n'),
    ],
    ['open brackets', '['.repeat(n)],
    ['open brackets on lines of their own', '[a\n'.repeat(n / 10)],
    ['emphasis that never ends', '*a **a _b '.repeat(n / 10)],
    ['emphasis that never ends, on lines', '*a_\n'.repeat(n / 10)],
    ['open HTML', '<a '.repeat(n)],
    ['spaces', `${' '.repeat(n)}a`],
    ['millions of empty lines', `a${'\n'.repeat(5_000_000)}b`],
    ['one line of many pages', 'a word '.repeat(n)],
  ]
  test.each(inputs)('ends with a result or a reason: %s', (_, text) => {
    expect(['none', 'NO_TEXT', 'EMPTY_DOCUMENT']).toContain(refusal(() => markdown(text)))
  })

  test('lets the event loop run between steps and reports rising progress', async () => {
    const steps = structureSteps({ text: '# a\n\nSome words.\n\n'.repeat(10_000), format: 'MARKDOWN' })
    let turns = 0
    const timer = setInterval(() => {
      turns += 1
    }, 1)
    const done: number[] = []
    let step = await steps.next()
    for (; step.done !== true; step = await steps.next()) done.push(step.value.done)
    clearInterval(timer)
    expect(done).toEqual(done.toSorted((a, b) => a - b))
    expect(done.length).toBeGreaterThan(20)
    expect(turns).toBeGreaterThan(3)
    expect(step.value.notes).toEqual([
      'The document has 10000 headings; the first 5000 were taken, the text under the rest belongs to the last of them.',
    ])
  })

  test('stops between two steps when its signal is aborted', async () => {
    const controller = new AbortController()
    const steps = structureSteps({ text: '# a\n\nb\n\n'.repeat(10_000), format: 'MARKDOWN' }, controller.signal)
    await steps.next()
    controller.abort(new Error('enough'))
    await expect(steps.next()).rejects.toThrow('enough')
  })

  test('does not mistake a line of a huge code block for a heading', () => {
    const code = '# no heading\n'.repeat(3_000)
    expect(
      outlineOf(markdown(`# a\n\`\`\`\n${code}\`\`\`\n# b\n<!--\n${code}-->\n# c\n- x\n${code}`)).slice(0, 4),
    ).toEqual(['1 a', '1 b', '1 c', '1 no heading'])
  })

  test('keeps code fences whole where a list of many pages is cut', () => {
    const item = '- an item\n\n  ```\n  code\n\n  # code\n  ```\n\n'
    expect(outlineOf(markdown(`# a\n${item.repeat(3_000)}\n# b`))).toEqual(['1 a', '1 b'])
  })
})

describe('plain text', () => {
  const cases: readonly [name: string, text: string, outline: readonly string[]][] = [
    ['underlined titles', 'Big\n===\n\ntext\n\nSmall\n-----\n\ntext', ['1 Big', '2 Small']],
    ['titles between rules', '=====\nTitle\n=====\n\ntext', ['1 Title']],
    [
      'numbered titles',
      '1. One\n\ntext.\n\n1.1 One one\n\ntext.\n\n2. Two\n\ntext.',
      ['1 1. One', '2 1.1 One one', '1 2. Two'],
    ],
    ['capitals', 'THE BEGINNING\n\nIt was.\n\nTHE END\n\nIt is.', ['1 THE BEGINNING', '1 THE END']],
    [
      'chapters with the title below',
      'CHAPTER I.\nDown the Hole\n\nAlice.\n\nCHAPTER II.\nThe Pool\n\nTears.',
      ['1 CHAPTER I: Down the Hole', '1 CHAPTER II: The Pool'],
    ],
    [
      'parts and chapters',
      'Part One\n\nChapter 1: A\n\nx.\n\nChapter 2: B\n\ny.',
      ['1 Part One', '2 Chapter 1: A', '2 Chapter 2: B'],
    ],
    [
      'numbered lists as text',
      'Buy:\n\n1. Milk\n2. Bread\n\n1. Then go home.\n',
      ['1 Buy: - 1. Milk 2. Bread 1. Then go home.'.replace('- ', '')],
    ],
  ]
  test.each(cases)('parses %s', (_, text, outline) => {
    expect(outlineOf(plain(text))).toEqual(outline)
  })

  test('groups paragraphs into parts when there are no headings', () => {
    const structure = plain(`${'Some words of a paragraph that goes on. '.repeat(20)}\n\n`.repeat(12))
    expect(structure.sections.map(({ heading }) => heading.slice(0, 18))).toEqual([
      'Part 1: Some words',
      'Part 2: Some words',
      'Part 3: Some words',
      'Part 4: Some words',
    ])
  })

  test('yields bodies with the same meaning as Markdown', () => {
    const [section] = plain(
      'Words *not* emphasised, <b>not</b> bold, # no.\n# no heading\nhttp://a.b/c_d_e\n\n* item\n\n    x = [1];',
    ).sections
    const tree = wholeParser.parse(section?.body ?? '')
    expect(tree.children.map(({ type }) => type)).toEqual(['paragraph', 'list', 'code'])
    expect(textOf(tree)).toContain('Words *not* emphasised, <b>not</b> bold, # no.\n# no heading\nhttp://a.b/c_d_e')
  })

  test('finds addresses without the punctuation that follows', () => {
    expect(plain('See https://a.b/c_d, or (http://e.f).').links.map(({ url }) => url)).toEqual([
      'https://a.b/c_d',
      'http://e.f',
    ])
  })
})

describe('bytes', () => {
  const read = (bytes: Uint8Array): DocumentStructure => readStructure({ bytes, format: 'PLAIN_TEXT' })
  const utf16 = (text: string, mark: string): Uint8Array => new Uint8Array(Buffer.from(mark + text, 'utf16le'))

  test('are decoded as UTF-8, UTF-16 with and without a byte order mark, and windows-1252 with a note', () => {
    const text = 'Grüße und schöne Wörter hier'
    const accepted: readonly [Uint8Array, number][] = [
      [encoder.encode(text), 0],
      [encoder.encode(`\ufeff${text}`), 0],
      [utf16(text, '\ufeff'), 0],
      [utf16(text, '\ufeff').map((_, index, all) => all[index ^ 1] ?? 0), 0],
      [utf16(text, ''), 1],
      [new Uint8Array(Buffer.from(text, 'latin1')), 1],
    ]
    for (const [bytes, notes] of accepted) {
      expect(read(bytes).sections[0]?.body).toBe(text)
      expect(read(bytes).notes).toHaveLength(notes)
    }
  })

  test('that are mostly UTF-8 stay UTF-8', () => {
    const bytes = encoder.encode('Grüße äöüß ÄÖÜ ñandú '.repeat(5))
    const structure = read(Uint8Array.from([...bytes, 0xc3]))
    expect(structure.sections[0]?.body).toContain('Grüße')
    expect(structure.notes).toEqual(['1 characters of the document were damaged and are shown as \ufffd.'])
  })

  const refused: readonly [string, Uint8Array, string][] = [
    ['nothing', new Uint8Array(), 'EMPTY_DOCUMENT'],
    ['white space', encoder.encode(' \n\t\r\n'), 'EMPTY_DOCUMENT'],
    ['a picture', encoder.encode('![](x.png)\n\n---\n'), 'NO_TEXT'],
    ['a PDF', encoder.encode('%PDF-1.7\n%âãÏÓ'), 'UNSUPPORTED_FORMAT'],
    ['a DOCX', encoder.encode('PK\x03\x04word/document.xml'), 'UNSUPPORTED_FORMAT'],
    ['an image', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10), 'UNSUPPORTED_FORMAT'],
    ['zeros', Uint8Array.from({ length: 100 }, (_, index) => index % 7), 'UNSUPPORTED_FORMAT'],
    ['noise', Uint8Array.from({ length: 900 }, (_, index) => 1 + ((index * 97) % 255)), 'UNSUPPORTED_FORMAT'],
    ['a lying mark', Uint8Array.of(0xef, 0xbb, 0xbf, 0xff, 0x41), 'BAD_ENCODING'],
    ['half a character', Uint8Array.of(0xff, 0xfe, 0x41, 0, 0x42), 'BAD_ENCODING'],
  ]
  test.each(refused)('of %s are refused with a reason', (_, bytes, code) => {
    expect(refusal(() => readStructure({ bytes, format: 'MARKDOWN' }))).toBe(code)
  })

  test('over the limit are refused with both numbers and a solution', () => {
    expect(() => readStructure({ text: 'too long', format: 'MARKDOWN', maxBytes: 3 })).toThrow(
      'The document has 8 bytes; at most 3 are read',
    )
    expect(new DocumentError('TOO_LARGE', 'x')).toMatchObject({
      retryable: false,
      advice: expect.stringContaining('Split'),
    })
  })
})

describe('the format', () => {
  const cases: readonly [name: string, text: string, expected: string][] = [
    ['a.md', 'Just text', 'MARKDOWN'],
    ['a.txt', 'Just text', 'PLAIN_TEXT'],
    ['', 'Just text', 'PLAIN_TEXT'],
    ['a.txt', '# Title\n\nSee [x](http://y) and **z**.\n\n## More', 'MARKDOWN'],
    ['a.pdf', '# Title\n\ntext\n\n## More', 'MARKDOWN'],
    ['', '# Title\n\ntext', 'MARKDOWN'],
    ['a.md', '<!doctype html><html></html>', 'HTML'],
    ['a.txt', '<!-- saved --> <?xml version="1.0"?>\n<HTML lang="en">', 'HTML'],
    ['a.html', '<h1>Only a part</h1>', 'HTML'],
    ['a.md', '<h1>Only a part</h1>', 'MARKDOWN'],
    ['a.md', '%PDF-1.4', 'PDF'],
    ['a.md', 'On PDF\n%PDF-1.4 begins a file', 'MARKDOWN'],
    ['a.docx', 'PK\x03\x04 cut off', 'DAMAGED'],
    ['a.docx', '\x7fELF', 'UNSUPPORTED_FORMAT'],
    ['a.md', '', 'EMPTY_DOCUMENT'],
  ]
  test.each(cases)('of %j is detected by its content: %j', (name, text, expected) => {
    const bytes = encoder.encode(text)
    const refused = refusal(() => detectFormat(name, bytes))
    expect(refused === 'none' ? detectFormat(name, bytes) : refused).toBe(expected)
  })

  test('does not depend on where the sample is cut', () => {
    expect(detectFormat('a.txt', encoder.encode(`a${'ü'.repeat(100_000)}`))).toBe('PLAIN_TEXT')
  })
})
