import { afterAll, describe, expect, test } from 'vitest'
import { describeProblem } from '../../../src/studio/projects/project.ts'
import { createChecker } from '../../../src/studio/projects/syntax/checker.ts'
import { checkSyntax } from '../../../src/studio/projects/syntax/syntax.ts'
import { sortFiles } from '../../../src/studio/projects/syntax/validate.ts'

const paths = new Set(['index.html', 'app.js', 'parts/style.css', 'a b.js'])
const problemsOf = (path: string, content: string): string[] =>
  checkSyntax({ path, content }, paths).map(describeProblem)
const page = (body: string): string => `<!doctype html>\n<title>x</title>\n${body}`

describe('the syntax of a file', () => {
  test.each([
    ['a.js', 'const a = 1\nexport default a'],
    ['a.js', 'var yield = 1; with (a) b'],
    ['a.mjs', 'await import("./app.js"); import("" + a)'],
    ['a.js', 'import a from "./app.js"; export * from "./parts/../app.js"'],
    ['parts/a.js', 'import("../app.js")'],
    ['a.css', '@layer a;\n:root { --a: { }; color: light-dark(red, blue); &:hover { top: 0 } }'],
    ['a.json', '\ufeff{"a": [1]}'],
    [
      'a.svg',
      '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg xmlns="http://www.w3.org/2000/svg"><!-- <g> --><g id=\'a\'><path d="M0"/></g>&amp;&#160;</svg>\n',
    ],
    [
      'a.svg',
      '<!DOCTYPE svg [<!ENTITY a "b">]><svg:svg xmlns:svg="http://www.w3.org/2000/svg">&a;<![CDATA[<]]></svg:svg>',
    ],
    ['a.csv', 'a,b\r\n"1, ""2""\n3",4\r\n\r\n'],
    ['a.csv', 'a;b;"c,d"\n1;2,5;3\n'],
    ['a.csv', ''],
    [
      'a.css',
      'a { background: url(#b), url("parts/style.css"), url(data:image/png;base64,AA), url(https://a.example/b.png) }',
    ],
    [
      'index.html',
      page(
        '<img src="parts/style.css" alt=""><img srcset="app.js 1x, a%20b.js 2x"><img src="data:image/png;base64,AA"><img src="https://a.example/b.png">',
      ),
    ],
    ['a.md', '# [('],
    ['index.html', page('<ul><li>a<li>b</ul><p>c<br/><img alt=x src=app.js><svg><path d="M0"/></svg>')],
    ['index.html', page('<script src="app.js"></script><link rel="stylesheet" href="./parts/style.css?v=2">')],
    ['parts/x.html', page('<script src="../app.js"></script><script src="../a%20b.js"></script>')],
    [
      'index.html',
      page(
        '<link rel="canonical" href="/"><link rel="next" href="2"><link rel="alternate" href="https://a.example/feed">',
      ),
    ],
    ['index.html', page('<link rel="shortcut icon" href="app.js"><img id="preview" alt="">')],
    ['index.html', page('<script type="application/json">{ not js</script><template><b>x</b></template>')],
  ])('is valid: %s %j', (path, content) => {
    expect(problemsOf(path, content)).toEqual([])
  })

  test.each([
    ['a.js', 'let a = 1\nlet b = ;\n', ['a.js:2:9: Unexpected token']],
    ['a.js', 'import a from "b"\nlet = = 2', [expect.stringMatching(/^a\.js:2:\d+: /)]],
    ['a.mjs', 'with (a) b', ["a.mjs:1:1: 'with' in strict mode"]],
    ['a.js', '('.repeat(100_000), [expect.stringMatching(/stack space|too deeply/)]],
    ['a.css', 'a {\n  color red\n}', ['a.css:2:9: Colon is expected']],
    ['a.css', 'a { b: c }\nd { e: f', ['a.css:2:3: “{” is never closed']],
    ['a.css', 'a { b: url(c d) }', ['a.css:1:8: Unexpected input']],
    ['a.css', 'a{b:c}}', ['a.css:1:7: Selector is expected']],
    ['a.css', `a{b:${'('.repeat(150_000)}`, [expect.stringMatching(/too deeply/)]],
    ['a.json', '{\n  "a": 1,\n}', ['a.json:3:1: Expected double-quoted property name']],
    ['a.json', '', ['a.json:1:1: Unexpected end of JSON input']],
    ['index.html', page('<main>\n<div class="a>\n</div></main>'), ['index.html:5:14: eof in tag']],
    ['index.html', page('<main>\n  <div>\n</main>'), ['index.html:4:3: <div> is never closed']],
    ['index.html', page('<p id=a id=b>'), [expect.stringMatching(/^index\.html:3:\d+: duplicate attribute$/)]],
    ['index.html', page('<script>\n  let a = 1\n  let b = ;\n</script>'), ['index.html:5:11: Unexpected token']],
    ['index.html', page('<p><script>let b = ;</script>'), ['index.html:3:20: Unexpected token']],
    ['index.html', page('<style>\na { color red }</style>'), ['index.html:4:11: Colon is expected']],
    [
      'index.html',
      page('<script src="nope.js"></script>'),
      ['index.html:3:1: “nope.js” is not among the project’s files'],
    ],
    ['index.html', page('<script src="/app.js"></script>'), [expect.stringContaining('write it relative')]],
    [
      'index.html',
      page('<link rel=stylesheet href="https://cdn.example/a.css">'),
      [expect.stringContaining('is not part of the project')],
    ],
    ['index.html', page('<script src="//cdn.example/a.js"></script>'), [expect.stringContaining('is not part')]],
    ['parts/x.html', page('<script src="app.js"></script>'), [expect.stringContaining('is not among')]],
    ['a.js', 'let a\nimport("./nope.js")', ['a.js:2:8: “./nope.js” is not among the project’s files']],
    ['a.mjs', 'import a from "./nope.js"', ['a.mjs:1:15: “./nope.js” is not among the project’s files']],
    ['a.js', 'export { a } from "lib"', ['a.js:1:19: “lib” is not the address of a file; begin it with ./']],
    ['index.html', page('<script>import("./nope.js")</script>'), [expect.stringContaining('is not among')]],
    ['index.html', page('<script type=module>import "./nope.js"</script>'), [expect.stringContaining('is not among')]],
    ['index.html', page('<img src="nope.png">'), ['index.html:3:1: “nope.png” is not among the project’s files']],
    ['index.html', page('<link rel="icon" href="nope.svg">'), [expect.stringContaining('“nope.svg”')]],
    ['index.html', page('<link rel="modulepreload" href="nope.js">'), [expect.stringContaining('“nope.js”')]],
    ['index.html', page('<img srcset="app.js 1x, nope.svg 2x">'), [expect.stringContaining('“nope.svg”')]],
    [
      'index.html',
      page('<video src="nope.mp4" poster="no.svg"></video>'),
      [expect.stringContaining('“nope.mp4”'), expect.stringContaining('“no.svg”')],
    ],
    [
      'a.css',
      'a { b: c }\nd { background: url(nope.svg) }',
      ['a.css:2:17: “nope.svg” is not among the project’s files'],
    ],
    ['a.css', "@import url('nope.css');", [expect.stringContaining('“nope.css”')]],
    ['a.svg', '<svg', ['a.svg:1:1: is not well-formed: this tag, comment or attribute is malformed']],
    ['a.svg', '<svg>\n<g></svg>', ['a.svg:2:4: </svg> closes nothing; <g> is open']],
    ['a.svg', '<svg><g/>', ['a.svg:1:1: <svg> is never closed']],
    ['a.svg', '<svg a=1></svg>', [expect.stringContaining('malformed')]],
    ['a.svg', '<svg a="1" a="2"/>', ['a.svg:1:1: <svg> has the attribute “a” twice']],
    ['a.svg', '<svg>&nbsp;</svg>', ['a.svg:1:6: is not well-formed: “&” begins an unknown entity; write &amp;']],
    ['a.svg', '<svg/><svg/>', ['a.svg:1:7: <svg> is a second root element']],
    ['a.svg', '<html></html>', ['a.svg:1:1: The root element is <html>, not <svg>']],
    ['a.svg', 'hello', [expect.stringContaining('outside of the root element')]],
    ['a.svg', '', ['a.svg:1:1: has no <svg> element']],
    ['a.csv', 'a,b\n1,"2\n3,4', ['a.csv:2:3: has a quotation mark that is never closed']],
    ['a.csv', 'a,b\n1,"2"3\n', ['a.csv:2:6: has text after a closing quotation mark']],
    [
      'a.csv',
      'a,b\n1,2\n\n1,2,3\n1\n',
      [
        'a.csv:4:1: has 3 values in this row; the first row has 2',
        'a.csv:5:1: has 1 values in this row; the first row has 2',
      ],
    ],
  ])('is invalid: %s %.60j', (path, content, expected) => {
    expect(problemsOf(path, content)).toEqual(expected)
  })
})

test('a page may load a script that uses import or export only as a module', () => {
  const modules = new Set<string>()
  expect(checkSyntax({ path: 'app.js', content: 'export const a = 1' }, paths, modules)).toEqual([])
  const check = (body: string): string[] =>
    checkSyntax({ path: 'index.html', content: page(body) }, paths, modules).map(describeProblem)
  expect(check('<script src="app.js"></script>')).toEqual([
    'index.html:3:1: “app.js” uses import or export; load it with type="module"',
  ])
  expect(check('<script type="module" src="app.js"></script><script src="a b.js"></script>')).toEqual([])
})

test('a problem of the whole project has a subject', () => {
  const { problems } = sortFiles(Array.from({ length: 2_000 }, (_, n) => ({ path: `${n}.txt`, content: '' })))
  expect(problems.map(describeProblem)).toContain('The project has 2000 files; at most 100 are allowed')
})

describe('the checker', () => {
  const checker = createChecker({ longestMs: 20_000 })
  afterAll(() => checker[Symbol.asyncDispose]())

  test('survives a page that uses all memory, and continues with the next file', async () => {
    // Each paragraph reopens every bold element of the previous ones.
    const bold = Array.from({ length: 9_000 }, (_, place) => `<b a${place}>`).join('')
    const bomb = { path: 'index.html', content: page(`<p>${bold}${'<p>x'.repeat(30_000)}`) }
    const problems = await checker.check(bomb, ['index.html'])
    expect(problems.map(describeProblem)).toEqual([
      'index.html: cannot be checked: reading it takes too much memory or time',
    ])
    const next = await checker.check({ path: 'a.js', content: 'let' }, ['a.js'])
    expect(next).toHaveLength(0)
    expect(await checker.check({ path: 'a.js', content: 'let a = ;' }, ['a.js'])).toHaveLength(1)
  })

  test('reads a style sheet with thousands of references in time', async () => {
    const sheet = 'a{b:url(a.svg)}\n\n\n\n\n\n\n\n\n'.repeat(10_000)
    expect(await checker.check({ path: 'a.css', content: sheet }, ['a.css', 'a.svg'])).toEqual([])
    const problems = await checker.check({ path: 'a.css', content: sheet }, ['a.css'])
    expect(problems.at(-1)).toMatchObject({ path: 'a.css', line: 172, column: 5 })
  })

  test('ends when its caller no longer waits', async () => {
    const controller = new AbortController()
    const checking = checker.check({ path: 'a.js', content: '' }, ['a.js'], controller.signal)
    controller.abort(new Error('gone'))
    await expect(checking).rejects.toThrow('gone')
  })
})
