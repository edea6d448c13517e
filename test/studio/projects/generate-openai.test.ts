import { describe, expect, test } from 'vitest'
import { createOpenAiGenerator } from '../../../src/studio/projects/generate/generate-openai.ts'
import type { GeneratorReport } from '../../../src/studio/projects/generate/generator.ts'
import { createFileMarks, type Marked } from '../../../src/studio/projects/syntax/file-marks.ts'
import { startOpenAiServer } from '../content/openai-server.ts'

const answer = `Here you are:

=== index.html ===
<!doctype html>
<title>x</title>
<script src="app.js"></script>
=== app.js ===
\`\`\`js
const a = 1 // === not a mark ===
if (a === 1) {
}
\`\`\`
=== end ===
Have fun!
`
const joined = (found: readonly Marked[]): [string, string][] => {
  const files: [string, string][] = []
  for (const one of found) {
    if (one.is === 'file') files.push([one.path, ''])
    const last = files.at(-1)
    if (one.is === 'text' && last !== undefined) last[1] += one.text
  }
  return files
}

describe('files in a response', () => {
  test('are found for any chunks of the response, without surrounding text and fences', () => {
    for (let size = 1; size <= answer.length; size += 1) {
      const marks = createFileMarks()
      const found: Marked[] = []
      for (let at = 0; at < answer.length; at += size) found.push(...marks.add(answer.slice(at, at + size)))
      expect(joined([...found, ...marks.end()])).toEqual([
        ['index.html', '<!doctype html>\n<title>x</title>\n<script src="app.js"></script>\n'],
        ['app.js', 'const a = 1 // === not a mark ===\nif (a === 1) {\n}\n'],
      ])
    }
  })

  test('are streamed before their line is complete', () => {
    const marks = createFileMarks()
    marks.add('=== a.js ===\nlet a\n')
    expect(marks.add('let b')).toEqual([{ is: 'text', text: 'let b' }])
    expect(marks.add(' = 2')).toEqual([{ is: 'text', text: ' = 2' }])
  })
})

const pageFile = '=== index.html ===\n<!doctype html>\n<script src="app.js"></script>\n'
const request = () => ({
  prompt: 'A clock',
  template: null,
  material: {
    title: 'Clocks',
    sections: [{ key: 'a', level: 1, heading: 'Hands', body: 'A clock has hands.' }],
    questions: [],
  },
  seed: 1,
  signal: new AbortController().signal,
})

describe('the generator with a model', () => {
  test('asks again for files with problems, with the reasons, and reports each finished file once', {}, async () => {
    await using server = await startOpenAiServer()
    server.behave(
      { kind: 'ANSWER', pieces: [pageFile, '=== app.js ===\nlet a = ;\n', '=== ../evil.js ===\n1\n=== end ==='] },
      { kind: 'ANSWER', pieces: ['=== app.js ===\n', 'let a = 1\n', '=== end ==='] },
    )
    const generator = createOpenAiGenerator({ baseUrl: server.baseUrl, apiKey: 'k', model: 'm', silenceMs: 20_000 })
    const reports: GeneratorReport[] = await Array.fromAsync(generator.generate(request()))
    expect(reports.flatMap((report) => (report.is === 'file' ? [report.stream] : []))).toEqual([
      'index.html',
      'app.js',
      'app.js#2',
    ])
    expect(reports.flatMap((report) => (report.is === 'done' ? [report.file] : []))).toEqual([
      { path: 'app.js', content: 'let a = 1\n' },
      { path: 'index.html', content: '<!doctype html>\n<script src="app.js"></script>\n' },
    ])
    expect(reports).toContainEqual({ is: 'note', message: 'Mending a problem' })
    const [first, second] = server.requests.map(({ body }) => JSON.stringify(body['messages']))
    expect(first).toContain('A clock has hands.')
    expect(second).toContain('app.js:1:9: Unexpected token')
    expect(server.requests).toHaveLength(2)
  })

  test('gives up after three requests, with the remaining problems', async () => {
    await using server = await startOpenAiServer()
    server.behave({ kind: 'ANSWER', pieces: ['I would rather not.'] })
    const generator = createOpenAiGenerator({ baseUrl: server.baseUrl, apiKey: 'k', model: 'm', silenceMs: 20_000 })
    await expect(Array.fromAsync(generator.generate(request()))).rejects.toMatchObject({
      code: 'UNUSABLE_ANSWER',
      message: expect.stringContaining('index.html: is missing'),
    })
    expect(server.requests).toHaveLength(3)
  })
})
