import fc from 'fast-check'
import type { Nodes } from 'mdast'
import { describe, expect, test } from 'vitest'
import { parseMarkdown } from '../../../src/studio/text/markdown.ts'
import { readStructure } from '../read-structure.ts'

const bodyOf = (text: string): string =>
  readStructure({ text: `# T\n\n${text}`, format: 'MARKDOWN' }).sections[0]?.body ?? ''

/** Returns the parts of a text that would run code, or be fetched, when shown as Markdown. */
function dangersIn(node: Nodes): string[] {
  const own =
    node.type === 'html' || node.type === 'image' || node.type === 'imageReference'
      ? [node.type]
      : (node.type === 'link' || node.type === 'definition') && /^\s*(javascript|data|vbscript|file):/i.test(node.url)
        ? [node.url]
        : []
  return 'children' in node ? [...own, ...node.children.flatMap((child) => dangersIn(child))] : own
}

describe('sanitized Markdown', () => {
  const cases: readonly [what: string, text: string, body: string][] = [
    ['leaves what is safe as it is', 'a *b* [c](https://d.e "f") `g`', 'a *b* [c](https://d.e "f") `g`'],
    ['shows a picture as what it shows', 'a ![a *loaf*](https://e.com/x.png) b', 'a a loaf b'],
    ['shows a picture without words as nothing', 'a ![](https://e.com/x.png) b', 'a  b'],
    ['leaves a link around a picture', '[![](https://e.com/x.png)](https://e.com)', '[Picture](https://e.com)'],
    [
      'shows a picture by reference as what it shows',
      '![loaf][x]\n\n[x]: https://e.com/x.png',
      'loaf\n\n[x]: https://e.com/x.png',
    ],
    ['shows HTML as its text', 'a <b onclick="x()">b</b> <script>c</script> d', 'a b c d'],
    ['shows a block of HTML as its text', '<div>\n# a\n<img src="https://e.com/x.png">\n</div>\n\nb', '\\# a\n\nb'],
    ['drops comments', 'a\n\n<!-- b -->\n\nc', 'a\n\n\n\nc'],
    ['drops scripts', 'a\n\n<script>\nalert(1)\n</script>\n\nb', 'a\n\n\n\nb'],
    [
      'takes the address from a link that runs a script',
      '[*a*](javascript:alert(1)) <data:text/html,b>',
      '*a* data:text/html,b',
    ],
    ['takes it from a definition', '[a][x]\n\n[x]: javascript:alert(1)', '[a][x]'],
  ]
  test.each(cases)('%s', (_, text, body) => {
    expect(bodyOf(text)).toBe(body)
  })

  test('notes the removed parts', () => {
    expect(readStructure({ text: '# T\n\n![a](b) ![c](d) <b>e</b>', format: 'MARKDOWN' }).notes).toEqual([
      '2 pictures were left out.',
    ])
    expect(readStructure({ text: '# T\n\n<p>e</p>', format: 'MARKDOWN' }).notes).toEqual([
      'HTML inside the document is shown as its text.',
    ])
  })

  test('contains nothing that runs or is fetched, for any input', () => {
    const piece = fc.constantFrom(
      ...[
        'a ',
        '\n',
        '\n\n',
        '- ',
        '> ',
        '# b\n',
        '![c](d)',
        '![',
        '](e)',
        '[f](javascript:g)',
        '[',
        ']',
        '(',
        ')',
        '<img src=h>',
      ],
      ...[
        '<',
        '>',
        '<script>',
        '</script>',
        '<!--',
        '-->',
        '`',
        '```\n',
        '*',
        '\\',
        '<javascript:i>',
        '[j]: data:k\n',
        '[j]',
        '![j]',
      ],
      ...['<p>\n', '</p>\n', '<h2>l</h2>', '&lt;', '|m|n|\n|-|-|\n', '    ', '\t'],
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const { sections } = readStructure({ text: `begin\n\n${pieces.join('')}\n\nend`, format: 'MARKDOWN' })
        for (const { body } of sections) expect(dangersIn(parseMarkdown(body))).toEqual([])
      }),
      { numRuns: Number(process.env['FC_RUNS'] ?? 300) },
    )
  })
})
