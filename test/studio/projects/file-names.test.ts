import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyOfPath, normalizePath, refusePath } from '../../../src/studio/projects/file-names.ts'
import { sortFiles } from '../../../src/studio/projects/syntax/validate.ts'
import { utf16String } from '../../support/utf16-string.ts'

const index = { path: 'index.html', content: '<!doctype html>' }
const problemsOf = (...paths: string[]): string[] =>
  sortFiles([index, ...paths.map((path) => ({ path, content: '' }))]).problems.map(
    ({ path, message }) => `${path}: ${message}`,
  )

describe('the names of files', () => {
  test.each([
    'index.html',
    'style.css',
    'parts/menu.js',
    'a/b/c/d/e/f/g.js',
    'Grüße.html',
    '日本語/読む.html',
    'a b (1).md',
    'data-2026_01.json',
    'app.min.js',
    'console.js',
    'com.js',
  ])('are accepted: %j', (path) => {
    expect(refusePath(path)).toBeNull()
  })

  test.each([
    ['', /needs a name/],
    ['/etc/passwd.txt', /relative/],
    ['//host/share.txt', /relative/],
    ['C:/windows.txt', /relative/],
    ['c:x.txt', /relative/],
    ['~/x.txt', /relative/],
    ['\\\\host\\share.txt', /separated by \//],
    ['..\\x.txt', /separated by \//],
    ['../x.txt', /another folder/],
    ['a/../../x.txt', /another folder/],
    ['a/./x.txt', /another folder/],
    ['..', /another folder/],
    ['a//x.txt', /no name/],
    ['a/', /no name/],
    ['．．/x.txt', /not allowed/],
    ['a／b.txt', /not allowed/],
    ['%2e%2e/x.txt', /not allowed/],
    ['a%00.txt', /not allowed/],
    ['x\0.txt', /control/],
    ['x\n.txt', /control/],
    ['x\u007f.txt', /control/],
    ['x\u0085.txt', /control/],
    ['gnp\u202efdp.txt', /invisible/],
    ['in\u200bdex.html', /invisible/],
    ['\ufeffindex.html', /invisible/],
    ['x\ud800.txt', /half a character/],
    ['CON', /Windows/],
    ['con.js', /Windows/],
    ['NUL.tar.js', /Windows/],
    ['aux .js', /Windows/],
    ['a/prn.html', /Windows/],
    ['COM1.css', /Windows/],
    ['lpt9.txt', /Windows/],
    ['COM¹.txt', /Windows/],
    ['ｃｏｎ.js', /Windows/],
    ['CONIN$.txt', /Windows/],
    ['x.txt.', /ends with a space, or ends in a dot/],
    ['x.txt ', /ends with a space/],
    [' x.txt', /begins or ends/],
    ['a /x.txt', /begins or ends/],
    ['.git/config.txt', /hidden/],
    ['.htaccess', /hidden/],
    ['a/.env.txt', /hidden/],
    ['x.txt:stream.js', /not allowed/],
    ['a*b.txt', /not allowed/],
    ['a?b.txt', /not allowed/],
    ['a|b.txt', /not allowed/],
    ['<a>.txt', /not allowed/],
    ['a"b.txt', /not allowed/],
    ['a#b.txt', /not allowed/],
    ['x', /only files ending/],
    ['x.exe', /only files ending/],
    ['x.lnk', /only files ending/],
    ['x.url', /only files ending/],
    ['x.php', /only files ending/],
    ['x.js.map', /only files ending/],
    [`${'a'.repeat(101)}.js`, /longer than/],
    [`${'ü'.repeat(60)}.js`, /longer than/],
    [`${'a/'.repeat(120)}x.js`, /characters; at most/],
    ['a/b/c/d/e/f/g/h/x.js', /folders; at most/],
  ])('are refused: %j', (path, reason) => {
    expect(refusePath(path)).toMatch(reason)
    const { files, problems } = sortFiles([index, { path, content: '' }])
    expect(files).toEqual([index])
    expect(problems).toHaveLength(1)
  })

  test('are stored in the composed form, which is the same file', () => {
    expect(normalizePath('u\u0308.html')).toBe('ü.html')
    expect(problemsOf('u\u0308.html', 'ü.html')).toEqual(['ü.html: is there twice'])
  })

  test.each([
    ['App.js', 'app.js'],
    ['a/Menu.js', 'A/menu.js'],
    ['straße.md', 'STRASSE.md'],
    ['ﬁle.txt', 'file.txt'],
    ['K.txt', 'k.txt'],
  ])('collide where systems ignore case or normalization: %j and %j', (one, other) => {
    expect(keyOfPath(one)).toBe(keyOfPath(other))
    expect(problemsOf(one, other)).toEqual([expect.stringContaining('the same file as')])
  })

  test('do not turn a file into a folder', () => {
    expect(problemsOf('a.js', 'a.js/b.js')).toEqual(['a.js/b.js: lies in “a.js”, which is a file and not a folder'])
  })

  test('that are accepted never leave the project, however they are interpreted', () => {
    fc.assert(
      fc.property(utf16String({ maxLength: 60 }), fc.constantFrom('', '.js', '.html'), (stem, end) => {
        const path = `${stem}${end}`
        if (refusePath(path) !== null) return
        for (const form of [path, path.normalize('NFKC'), normalizePath(path)]) {
          const { pathname, origin } = new URL(encodeURI(form), 'http://project.invalid/root/')
          expect(origin).toBe('http://project.invalid')
          expect(pathname.startsWith('/root/')).toBe(true)
          expect(form.split('/').every((segment) => !['', '.', '..'].includes(segment))).toBe(true)
        }
      }),
    )
  })
})

describe('the files of a project', () => {
  test('are limited in number and size, and include an index page', () => {
    const many = Array.from({ length: 101 }, (_, place) => ({ path: `f${place}.txt`, content: '' }))
    expect(sortFiles(many).problems.map(({ message }) => message)).toEqual([
      'The project has 101 files; at most 100 are allowed',
      'is missing; a project begins with this page',
    ])
    const large = sortFiles([index, { path: 'a.txt', content: 'ü'.repeat(131_073) }])
    expect(large.problems).toEqual([
      { path: 'a.txt', line: null, column: null, message: 'has 262146 bytes; at most 262144 are allowed' },
    ])
    const heavy = ['a', 'b', 'c'].map((name) => ({ path: `${name}.txt`, content: 'x'.repeat(200_000) }))
    expect(sortFiles([index, ...heavy]).problems[0]?.message).toContain('bytes; at most 524288 are allowed')
    expect(sortFiles([{ ...index, path: 'Index.html' }]).problems[0]?.message).toContain('is missing')
    expect(sortFiles([]).problems).toHaveLength(1)
    expect(sortFiles([index, { path: 'a.txt', content: 'a\0b' }]).problems[0]?.message).toBe('holds what is not text')
  })
})
