import { afterAll, describe, expect, test } from 'vitest'
import { createChecker } from '../../../src/studio/projects/checker.ts'
import { describeProblem } from '../../../src/studio/projects/project.ts'
import { checkSyntax } from '../../../src/studio/projects/syntax.ts'

const paths = new Set(['index.html', 'app.js', 'parts/style.css', 'a b.js'])
const problemsOf = (path: string, content: string): string[] =>
  checkSyntax({ path, content }, paths).map(describeProblem)
const page = (body: string): string => `<!doctype html>\n<title>x</title>\n${body}`

describe('the syntax of a file', () => {
  test.each([
    ['a.js', 'const a = 1\nexport default a'],
    ['a.js', 'var yield = 1; with (a) b'],
    ['a.mjs', 'await import("./b.js")'],
    ['a.css', '@layer a;\n:root { --a: { }; color: light-dark(red, blue); &:hover { top: 0 } }'],
    ['a.json', '\ufeff{"a": [1]}'],
    ['a.svg', '<svg'],
    ['a.md', '# [('],
    ['index.html', page('<ul><li>a<li>b</ul><p>c<br/><img alt=x><svg><path d="M0"/></svg>')],
    ['index.html', page('<script src="app.js"></script><link rel="stylesheet" href="./parts/style.css?v=2">')],
    ['parts/x.html', page('<script src="../app.js"></script><script src="../a%20b.js"></script>')],
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
  ])('is invalid: %s %.60j', (path, content, expected) => {
    expect(problemsOf(path, content)).toEqual(expected)
  })
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

  test('ends when its caller no longer waits', async () => {
    const controller = new AbortController()
    const checking = checker.check({ path: 'a.js', content: '' }, ['a.js'], controller.signal)
    controller.abort(new Error('gone'))
    await expect(checking).rejects.toThrow('gone')
  })
})
