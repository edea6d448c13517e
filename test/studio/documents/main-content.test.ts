import fc from 'fast-check'
import { type DefaultTreeAdapterTypes, parse, serialize } from 'parse5'
import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../../src/studio/documents/convert/conversion.ts'
import { convert, toJsonParts } from '../../../src/studio/documents/convert/convert.ts'
import { htmlToMarkdown } from '../../../src/studio/documents/convert/html.ts'
import { findMainElements, type MainContent } from '../../../src/studio/documents/main-content/page.ts'
import { markMainContent } from '../../../src/studio/documents/main-content/sections.ts'
import type { DocumentStructure } from '../../../src/studio/documents/structure/structure.ts'
import type { TextFormat } from '../../../src/studio/documents/structure/structure-decode.ts'
import { articlePage } from '../../fixtures/documents/article.ts'
import { readStructure } from '../read-structure.ts'

async function readPage(html: string): Promise<DocumentStructure> {
  const request = { bytes: Buffer.from(html), name: 'a.html', limits: defaultLimits, format: 'HTML' } as const
  return markMainContent(await convert(request, () => undefined))
}

function readHtml(...page: Parameters<typeof htmlToMarkdown>) {
  const parts = htmlToMarkdown(...page)
  for (let part = parts.next(); ; part = parts.next()) if (part.done === true) return part.value
}

/** Creates a search for main content that returns the elements that fulfil a condition. */
function choosing(isMain: (element: DefaultTreeAdapterTypes.Element) => boolean) {
  return (page: DefaultTreeAdapterTypes.Document): MainContent => {
    const main = new Set<DefaultTreeAdapterTypes.Element>()
    const open: DefaultTreeAdapterTypes.ChildNode[] = [...page.childNodes]
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if ('tagName' in node && isMain(node)) main.add(node)
      if ('childNodes' in node) open.push(...node.childNodes)
    }
    return { elements: main }
  }
}

const read = (text: string, format: TextFormat = 'MARKDOWN'): DocumentStructure =>
  markMainContent(readStructure({ text, format }))
const apartIn = ({ sections }: DocumentStructure): readonly string[] =>
  sections.filter(({ isMain }) => isMain === false).map(({ heading }) => heading)
const prose = 'The tide runs down the coast as one long wave, and two waves meet at the mouth of the river. '.repeat(5)

describe('a page', () => {
  test('keeps all of its text and marks the article', async () => {
    const { sections, notes, links } = await readPage(articlePage)
    const whole = sections.map(({ heading, body }) => `${heading}\n${body}`).join('\n')
    for (const text of ['Shop', 'Winds', 'edit', 'Share', 'Hume, A.', 'Terms of Use']) expect(whole).toContain(text)
    const main = sections.filter(({ isMain }) => isMain !== false)
    expect(main.map(({ heading }) => heading)).toEqual(['The tides of the North Sea', 'Springs and neaps'])
    const [first, second] = main.map(({ body, mainBody }) => mainBody ?? body)
    expect(first).toMatch(/^The tides of .* long wave\.\n\nHigh water .* meet\.$/)
    expect(second).toMatch(/^Twice a month .*\n\nA week later .*list both\.\n\nWind changes .* stayed\.$/)
    expect(main[1]?.body).toContain('edit')
    expect(apartIn({ sections } as DocumentStructure)).toEqual(['Introduction', 'Navigation menu', 'References'])
    expect(notes.at(-1)).toBe(
      'Quizzes and roadmaps leave out what is not main content: “Introduction”, “Navigation menu”, “References”, 12 words around the main text.',
    )
    expect(links.filter(({ isMain }) => isMain !== false).map(({ text }) => text)).toEqual(['Tables'])
  })

  test('is main content except for its footer when it has too many elements to be searched', () => {
    expect(findMainElements(parse(`<p>${prose}</p>${'<i></i>'.repeat(50_000)}`))).toEqual({
      note: 'The page was too large to find its article: quizzes and roadmaps leave out only its footers.',
    })
    const { markdown, asides } = readHtml(`<p>Tides</p><footer><p>Terms of use</p></footer>`)
    expect(asides.map(({ start, end }) => markdown.slice(start, end))).toEqual(['Terms of use'])
  })

  test('says that it is too complex when the search takes too long or its elements are nested too deeply', () => {
    const note = 'The page was too complex to find its article: quizzes and roadmaps leave out only its footers.'
    const page = parse(articlePage)
    const before = serialize(page)
    expect(findMainElements(page, 1)).toEqual({ note })
    expect(serialize(page)).toBe(before)
    expect(findMainElements(page).elements?.size).toBeGreaterThan(0)
    expect(findMainElements(parse('<div>'.repeat(40_000)))).toEqual({ note })
    expect(readHtml('<p>Tides', () => ({ note })).notes).toEqual([note])
  })

  test('is not too large because of the number of its elements, up to the limit', () => {
    const page = parse(`<p>${'a'.repeat(40)}</p>`.repeat(40_000))
    expect(findMainElements(page, 1).note).toContain('too complex')
  })

  test.each(['x-app', 'span', 'font', 'b', 'a'])('has the same main content below one %s', async (tag) => {
    const article = articlePage.replace(/<body[^>]*>/, `$&<${tag}>`).replace('</body>', `</${tag}></body>`)
    expect(article).not.toBe(articlePage)
    const isMainOf = ({ sections }: DocumentStructure) => sections.map(({ heading, isMain }) => [heading, isMain])
    expect(isMainOf(await readPage(article))).toEqual(isMainOf(await readPage(articlePage)))
  })

  test('is main content as a whole when hardly any of it is found to be', async () => {
    const { sections, notes } = await readPage(`<!doctype html><p>A short text.</p><footer>${prose}</footer>`)
    expect(sections.every((section) => !('isMain' in section) && !('mainBody' in section))).toBe(true)
    expect(notes).toEqual([])
  })

  test('that begins between rules keeps the lines that look like the front matter of Markdown', async () => {
    const { sections } = await readPage(`<!doctype html><hr><p>date: today</p><hr><p>${prose}</p>`)
    expect(sections[0]?.body).toContain('date: today')
  })

  test('keeps lists apart that have something hidden between them', () => {
    const page = '<div><ul><li>a</ul><div hidden>b</div><ul><li>c</ul></div>'
    const withoutHidden = choosing(({ attrs }) => attrs.length === 0)
    expect(readHtml(page, withoutHidden)).toEqual(readHtml(page))
  })

  test.each(['<p><div></div><x-app>tide</x-app></p>wave', '<x-app>tide</x-app><h2></h2>wave', 'tide<ul></ul>wave'])(
    'keeps words apart that have an empty block between them: %s',
    (page) => {
      expect(readHtml(page).markdown.match(/[a-z]+/g)).toEqual(['tide', 'wave'])
    },
  )

  test('contains the same text in the same order, whichever of its elements are main content', () => {
    const word = fc.constantFrom('tide', 'wave', 'gale', 'ebb')
    const { html } = fc.letrec<{ html: string }>((tie) => ({
      html: fc.oneof(
        { maxDepth: 3 },
        word,
        fc
          .tuple(
            fc.constantFrom(
              'div',
              'p',
              'ul><li',
              'ol><li',
              'span',
              'x-app',
              'b',
              'section',
              'h2',
              'table><tr><td',
              'pre',
              'footer',
            ),
            fc.array(tie('html'), { maxLength: 3 }),
          )
          .map(([tag, children]) => {
            const end = tag.split('><').reverse().join('></')
            return `<${tag}>${children.join('')}</${end}>`
          }),
      ),
    }))
    // Beside emphasis, Markdown has letters as references: `tid&#x65;**wave**`.
    const letterReference = /&#x([0-9A-F]{2});/g
    const wordsOf = (...page: Parameters<typeof htmlToMarkdown>): unknown =>
      readHtml(...page)
        .markdown.replace(letterReference, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
        .match(/[a-z]+/g)
    fc.assert(
      fc.property(
        fc.array(html, { maxLength: 4 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
        (all, is) => {
          const page = `<!doctype html>${all.join('')}`
          let index = 0
          expect(
            wordsOf(
              page,
              choosing(() => is[index++ % is.length] === true),
            ),
          ).toEqual(wordsOf(page))
        },
      ),
    )
  })
})

describe('headings', () => {
  const chapter = (heading: string, body = prose): string => `## ${heading}\n\n${body}\n\n`

  test.each([
    ['References'],
    ['7. References'],
    ['VII. Literaturverzeichnis:'],
    ['📄 License'],
    ['See also'],
    ['参考文献'],
  ])('set the section %s apart after the text', (heading) => {
    expect(apartIn(read(`# Tides\n\n${chapter('Springs')}${chapter('Neaps')}${chapter(heading)}`))).toEqual([heading])
  })

  test('set subsections apart with their section', () => {
    const text = `# Tides\n\n${chapter('Springs')}${chapter('References', '')}### Books\n\n${prose}\n\n### Papers\n\nNone.\n`
    expect(apartIn(read(text))).toEqual(['References', 'Books', 'Papers'])
  })

  test('set references apart before an appendix, and before others when they are a bibliography', () => {
    const appendix = chapter('Appendix A', prose)
    expect(apartIn(read(`# Tides\n\n${chapter('Springs')}${chapter('References')}${appendix}`))).toEqual(['References'])
    const entries = '- Marsh, P. (1987). Tides.\n- [2] Hume, A. Seas.\n- https://sea.example/\n'
    const text = `# Tides\n\n${chapter('Springs')}${chapter('References', entries)}${chapter('A Proofs')}`
    expect(apartIn(read(text))).toEqual(['References'])
  })

  test.each([
    'References',
    'Notes',
    'Navigation',
    'Copyright',
    'Licence',
    'Licensing',
    'Bibliography',
    'Lizenz',
    'Bibliografía',
  ])('do not set a chapter %s apart, which has the name of back matter', (heading) => {
    const text = `# C++\n\n${chapter('Pointers')}${chapter(heading)}${chapter('Classes')}`
    expect(apartIn(read(text))).toEqual([])
  })

  test('are not missing in a text that begins with a comment', () => {
    const { sections, notes } = read(`<!-- a comment -->\n\n# Tides\n\n${prose}`)
    expect(sections.every((section) => !('isMain' in section))).toBe(true)
    expect(notes).toEqual([])
  })

  test('of sections without words are not named in the note', () => {
    const { notes } = read(`# Tides\n\n${chapter('Springs')}${chapter('Contents', '')}${chapter('References')}`)
    expect(notes).toEqual(['Quizzes and roadmaps leave out what is not main content: “References”.'])
  })

  test.each([
    ['a license', `# License\n\n${prose}${prose}`],
    ['a book under its contents', `# Tides\n\n${prose}\n\n## Contents\n\n${prose.repeat(20)}`],
  ])('do not set nearly the whole document apart: %s', (_, text) => {
    const { sections, notes } = read(text)
    expect(sections.every((section) => !('isMain' in section))).toBe(true)
    expect(notes).toEqual([])
  })

  test('set sections of a plain text apart, with a note', () => {
    const text = `CHAPTER I\n\n${prose}\n\nCHAPTER II\n\n${prose}\n\nREFERENCES\n\n${prose}\n`
    const { notes, ...structure } = read(text, 'PLAIN_TEXT')
    expect(apartIn({ notes, ...structure })).toEqual(['REFERENCES'])
    expect(notes).toEqual(['Quizzes and roadmaps leave out what is not main content: “REFERENCES”.'])
  })
})

test('a list is serialized in parts of a size, whichever properties its items have', () => {
  const items = Array.from({ length: 40 }, (_, index) => ({ body: 'b'.repeat(index), mainBody: 'm'.repeat(100) }))
  const parts = [...toJsonParts(items, 500)]
  expect(parts.flatMap((part) => JSON.parse(part) as unknown[])).toEqual(items)
  for (const part of parts) expect(part.length).toBeLessThan(500 + 200)
  expect([...toJsonParts([])]).toEqual([])
})
