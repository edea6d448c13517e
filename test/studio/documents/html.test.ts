import { describe, expect, test } from 'vitest'
import { htmlToMarkdown } from '../../../src/studio/documents/convert/html.ts'

function toMarkdown(html: string): string {
  const parts = htmlToMarkdown(html)
  for (let part = parts.next(); ; part = parts.next()) if (part.done === true) return part.value.markdown.trim()
}

function notesOf(html: string): readonly string[] {
  const parts = htmlToMarkdown(html)
  for (let part = parts.next(); ; part = parts.next()) if (part.done === true) return part.value.notes
}

describe('HTML', () => {
  test.each([
    '<noscript><p>Turn on scripts</p></noscript>',
    '<object data="a.pdf">The report</object>',
    '<template><p>Later</p></template>',
    '<dialog>Welcome</dialog>',
    '<p hidden>More</p>',
    '<div style="display: none"><p>More</p></div>',
    '<svg><g><text x="1">North</text></g></svg>',
    '<p>A <video src="a.mp4">A film</video></p>',
    '<iframe src="a.html"><b>A map</b></iframe>',
    '<noscript><iframe src="a.html"></iframe>A map</noscript>',
    '<canvas>A chart</canvas>',
  ])('tells that text was left out: %s', (html) => {
    expect(notesOf(`<p>Shown</p>${html}`)).toEqual([
      'Text in pictures, embedded objects or hidden elements was left out.',
    ])
  })

  test.each([
    '<noscript><img src="https://a.example/pixel"></noscript>',
    '<template> <script>let a</script><style>a { b: c }</style></template>',
    '<script>let a</script><style>a { b: c }</style><canvas></canvas><!-- a -->',
    '<svg><title>Menu</title><desc>Three lines</desc><path d="M0"/></svg>',
    '<dialog open>Welcome</dialog>',
    '<p hidden> </p>',
    // Text that is parsed once only.
    '<noscript><iframe src="a.html"><b>A map</b></iframe></noscript>',
  ])('tells of no text where there is none: %s', (html) => {
    expect(notesOf(`<title>A</title><p>Shown</p>${html}`)).toEqual([])
  })

  const cases: readonly [name: string, html: string, markdown: string][] = [
    [
      'separates blocks in a cell',
      '<table><tr><th><p>Valve<th>Count<tr><td><p>North</p><p>South</p><td><ul><li>3<li>1</ul><div>in all</div></table>',
      '| Valve | Count |\n| - | - |\n| North South | 3 1 in all |',
    ],
    [
      'keeps the numbers of items that jump, and letters',
      '<ol start=3><li>three<li>four<li value=9>nine<li>ten</ol><ol type=i><li>one<li>two</ol>',
      '3. three\n4. four\n\n9) nine\n10) ten\n\n- i. one\n- ii. two',
    ],
    [
      'keeps the numbers of items in a cell',
      '<table><tr><th>A<th>B<tr><td><ol><li>one<li>two</ol><td><ol type=A start=2><li>three</ol></table>',
      '| A | B |\n| - | - |\n| 1. one 2. two | B. three |',
    ],
    [
      'separates lines in a cell',
      '<table><tr><th>A<th>B<tr><td>one<br>two<td><span><p>three</p></span>four</table>',
      '| A | B |\n| - | - |\n| one two | three four |',
    ],
    [
      'separates blocks in an inline or custom element',
      '<b><p>one</p><p>two</p></b><x-app>three <x-time>four</x-time><div>five</div></x-app><a><h2>six</h2></a><option>seven',
      'one\n\ntwo\n\nthree four\n\nfive\n\n## six\n\nseven',
    ],
    [
      'writes a caption above its table',
      '<table><caption>Inflow, <b>monthly</b></caption><tr><th>Month<th>Inflow<tr><td>May<td>12</table>',
      'Inflow, **monthly**\n\n| Month | Inflow |\n| - | - |\n| May | 12 |',
    ],
    [
      'takes a heading alone in a cell as its text',
      '<table><tr><th><h3>Month</h3><th>Inflow<tr><td>May<td>12</table>',
      '| Month | Inflow |\n| - | - |\n| May | 12 |',
    ],
    [
      'takes apart a table that arranges blocks on the page',
      '<table><tr><td>Home<td><h1>Water</h1><p>First.</p><table><tr><th>A<th>B<tr><td>1<td>2</table></table>',
      'Home\n\n# Water\n\nFirst.\n\n| A | B |\n| - | - |\n| 1 | 2 |',
    ],
    [
      'takes apart a table of one column with several blocks in a cell',
      '<table><tr><td><p>One.</p><p>Two.</p></table>',
      'One.\n\nTwo.',
    ],
    [
      'separates the text of blocks that Markdown does not have',
      '<fieldset><legend>Legend</legend><label>Label <input></label></fieldset><div><aside>Aside</aside><address>Address</address><figure><figcaption>Caption</figcaption></figure></div>',
      'Legend\n\nLabel\n\nAside\n\nAddress\n\nCaption',
    ],
    ['separates what surrounds a field or a picture', '<p>Age<input>Years<img src=x>Old</p>', 'Age Years Old'],
    ['shows a dialog only when it is open', '<dialog>No</dialog><p>A</p><dialog open>B</dialog>', 'A\n\nB'],
    [
      'separates exponents and fractions from the letters beside them',
      '<p><math><msup><mi>x</mi><mi>n</mi></msup><mi>a</mi><mfrac><mn>1</mn><mi>c</mi></mfrac><mi>j</mi></math>',
      'x^n a 1/c j',
    ],
    [
      'leaves out the link of a heading to itself',
      '<h2>Valves <a href="#valves">#</a></h2><p>See <a href="#a">chapter 1</a>.',
      '## Valves\n\nSee chapter 1.',
    ],
    [
      'writes an equation on one line',
      '<p>Where <math><mi>x</mi><mo>=</mo><mfrac><mrow><mo>-</mo><mi>b</mi><mo>±</mo><msqrt><msup><mi>b</mi><mn>2</mn></msup></msqrt></mrow><mrow><mn>2</mn><mi>a</mi></mrow></mfrac></math> holds.',
      'Where x=(-b±√(b^2))/2a holds.',
    ],
    [
      'writes the presentation of an equation, not its source',
      '<p><math><semantics><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><annotation encoding="application/x-tex">\\sum</annotation></semantics></math>',
      '∑\\_(i=1)^n',
    ],
  ]
  test.each(cases)('%s', (_, html, markdown) => {
    expect(toMarkdown(`<!doctype html>${html}`)).toBe(markdown)
  })

  test('does not pad the cells of a table with one long cell', () => {
    const rows = '<tr><td>1<td>2'.repeat(100)
    expect(toMarkdown(`<table><tr><th>A<th>B${rows}<tr><td>${'long '.repeat(200)}<td>3</table>`).length).toBeLessThan(
      2_500,
    )
  })
})
