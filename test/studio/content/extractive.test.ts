import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import type { Nodes } from 'mdast'
import { describe, expect, test } from 'vitest'
import { createExtractiveProvider } from '../../../src/studio/content/extractive/extractive.ts'
import { createQuiz } from '../../../src/studio/content/extractive/questions/quiz.ts'
import { readForContent } from '../../../src/studio/content/extractive/reading.ts'
import { readSource } from '../../../src/studio/content/extractive/source-text.ts'
import type { ContentPiece, ContentRequest } from '../../../src/studio/content/provider.ts'
import { outlineRoadmap } from '../../../src/studio/roadmaps/outline.ts'
import { parseMarkdown } from '../../../src/studio/text/markdown.ts'
import { readStructure } from '../read-structure.ts'
import { collect, describeContract, failureOf, requestOf } from './contract.ts'

const provider = createExtractiveProvider()
const pieces: readonly ContentPiece[] = ['TUTORIAL', 'RESOURCES', 'QUIZ']
const generate = (changes: Partial<ContentRequest>): Promise<string> => collect(provider.generate(requestOf(changes)))
const timers = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

describeContract('the extractive provider', async () => {
  const before = timers()
  return {
    provider,
    slow: createExtractiveProvider({ delayMs: 600_000 }),
    isQuiet: () => timers() <= before,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
})

/** Returns the requests for every concept of a document, as a task would send them. */
function requestsOf(path: string): ContentRequest[] {
  const structure = readStructure({ bytes: readFileSync(path), format: 'MARKDOWN', name: path })
  const outline = outlineRoadmap(structure)
  const concepts = outline.stages.flatMap((stage) =>
    stage.modules.flatMap((module) => module.concepts.map((concept) => ({ stage, module, concept }))),
  )
  const corpus = concepts.map(({ concept }) => `${concept.title}\n\n${concept.text}`)
  return concepts.map(({ stage, module, concept }, index) =>
    requestOf({
      title: concept.title,
      context: { roadmap: outline.title, stage: stage.title, module: module.title },
      source: concept.text,
      links: concept.links,
      corpus,
      seed: index,
    }),
  )
}

function htmlIn(markdown: string): string[] {
  const visit = (node: Nodes): string[] => {
    if (node.type === 'html') return [node.value]
    return 'children' in node ? node.children.flatMap(visit) : []
  }
  return visit(parseMarkdown(markdown))
}

const plain = (markdown: string): string => markdown.replace(/[\\`*]/g, '').toLowerCase()

/** Checks the invariants of every question, for any source. */
function checkQuiz(request: Pick<ContentRequest, 'source' | 'corpus' | 'title' | 'seed'>): number {
  const questions = createQuiz(readForContent(request.source), request.corpus.map(readForContent), request)
  expect(questions.length).toBeLessThanOrEqual(5)
  expect(new Set(questions.map(({ passage }) => passage)).size).toBe(questions.length)
  for (const { prompt, options, answer, passage, kind } of questions) {
    expect(prompt.split('_____')).toHaveLength(2)
    expect(plain(passage)).toContain(plain(answer))
    if (options.length === 0) continue
    expect(options.length).toBeGreaterThanOrEqual(3)
    expect(options.length).toBeLessThanOrEqual(4)
    expect(options.filter((option) => option === answer)).toHaveLength(1)
    expect(new Set(options.map(plain)).size).toBe(options.length)
    const wrong = options.filter((option) => option !== answer)
    for (const option of wrong) expect(plain(prompt)).not.toContain(plain(option))
    if (kind === 'SENTENCE') expect(plain(prompt)).not.toContain(plain(answer))
  }
  return questions.length
}

describe('content of real documents', () => {
  test.each(['ws', 'zod', 'dataloader'])(
    'of %s is complete, contains no HTML, and has valid questions',
    async (name) => {
      const requests = requestsOf(`node_modules/${name}/README.md`)
      let questions = 0
      for (const request of requests) {
        for (const piece of pieces) {
          const markdown = await collect(provider.generate({ ...request, piece }))
          expect(markdown).toMatch(/^# \S[\s\S]*\S\n$/)
          expect(htmlIn(markdown)).toEqual([])
          expect(markdown).not.toMatch(/[\ue000-\uf8ff]/)
        }
        questions += checkQuiz(request)
      }
      expect(questions).toBeGreaterThan(requests.length)
    },
    120_000,
  )

  test('reads as a lesson', async () => {
    const request = requestsOf('node_modules/dataloader/README.md').find(({ title }) => title === 'Batch Function')
    const markdown = await generate({ ...request, piece: 'TUTORIAL' })
    expect(markdown).toContain(
      '**In short:** A batch loading function accepts an Array of keys, and returns a Promise which resolves to an Array of values or Error instances.',
    )
    expect(markdown).toContain(
      'There are a few constraints this function must uphold:\n\n- The Array of values must be the same length as the Array of keys.\n- ',
    )
    expect(markdown).toContain('## Try it\n\n')
    expect(markdown.trimEnd()).toMatch(/\*Condensed from “DataLoader” › “Batching”\.\*$/)
  })
})

describe('a tutorial', () => {
  test('explains the terms of a table', async () => {
    const source =
      '| word | meaning |\n|---|---|\n| topic | a log of events with a name |\n| `seq` | the number of an event |'
    expect(await generate({ source })).toContain(
      'This part explains 2 terms: **topic**, **`seq`**\n\n## Key terms\n\n- **topic** – a log of events with a name\n- **`seq`** – the number of an event',
    )
  })

  test('never begins a point with a word that refers to the preceding sentence', async () => {
    const source =
      'The log keeps every event of a topic in order. It renumbers nothing. Readers follow the log from a cursor of their own. This lets a reader come back to the log at any time.'
    const markdown = await generate({ source, title: 'The log' })
    expect(markdown).not.toMatch(/\n\nThis /)
    expect(markdown).toContain('Readers follow the log from a cursor of their own. This lets')
  })

  test('omits badges, tables of contents and pointers', async () => {
    const source =
      '[![build](https://ci.example/badge.svg)](https://ci.example)\n\n- [One](#one)\n- [Two](#two)\n\nSee [the manual](https://example.org) for more.\n\nA lease is a right to work on a task for a limited time.'
    const markdown = await generate({ source })
    expect(markdown).toContain('**In short:** A lease is a right')
    for (const absent of ['build', 'One', 'See the manual', 'badge']) expect(markdown).not.toContain(absent)
  })
})

describe('resources', () => {
  test('contain links with their sentences, files, standards and further reading, and nothing that runs code', async () => {
    const source =
      'Read [the handshake](https://example.org/a_(b)) first, it is short and clear. RFC 6455 defines the frames of a log. The code is in [the folder](./src/log.ts). [Bad](javascript:alert(1))'
    const markdown = await generate({
      piece: 'RESOURCES',
      source,
      links: [
        { text: 'given', url: 'https://example.org/given' },
        { text: 'bad', url: 'javascript:alert(2)' },
      ],
    })
    expect(markdown).toContain(
      '- [the handshake](<https://example.org/a_(b)>) – Read the handshake first, it is short and clear.',
    )
    expect(markdown).toContain(
      '- [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455) – RFC 6455 defines the frames of a log.',
    )
    expect(markdown).toContain('- [given](https://example.org/given)')
    expect(markdown).toContain('- the folder (`./src/log.ts`)')
    expect(markdown).toContain('- **Cursors** – also about log')
    expect(markdown).not.toContain('javascript:')
  })
})

describe('a quiz', () => {
  test('offers numbers among other numbers', async () => {
    const source = 'A dead worker ends its task within 15 s. The window for merging bursts of progress is 50 ms long.'
    const [question] = createQuiz(readForContent(source), [], { title: 'Limits', seed: 3 }).filter(({ answer }) =>
      /^\d/.test(answer),
    )
    expect(question?.options.every((option) => /^\d+ (s|ms)$/.test(option))).toBe(true)
    checkQuiz(requestOf({ source }))
  })

  test('does not reveal the answer by its article', () => {
    const source = 'A cursor is an opaque place in a long log of events. Every owl is an animal of the quiet night.'
    for (let seed = 0; seed < 10; seed += 1)
      for (const { prompt } of createQuiz(readForContent(source), [], { title: '', seed }))
        expect(prompt).not.toMatch(/\b(a|an) _____/i)
  })

  test('asks for names in code where there is only code', async () => {
    const source =
      "```js\nconst log = new EventLog('a');\nlog.append(event);\nconst feed = log.follow(cursor);\nfeed.close();\n```"
    const markdown = await generate({ piece: 'QUIZ', source })
    expect(markdown).toContain('What is missing in this line?')
    expect(markdown).toMatch(/`(const feed = )?(log|feed)\._____\(/)
  })

  test('differs by seed', async () => {
    const [request] = requestsOf('node_modules/dataloader/README.md')
    const quizzes = await Promise.all([1, 2, 3, 4].map((seed) => generate({ ...request, piece: 'QUIZ', seed })))
    expect(new Set(quizzes).size).toBeGreaterThan(1)
  })
})

test('the marks of footnotes are no part of a sentence, and numbers in brackets elsewhere are', () => {
  const sentences = (markdown: string): readonly string[] => readSource(markdown).sentences.map(({ text }) => text)
  const notes =
    'Asia followed.\\[1]\\[2] In 2010, a target\\[3] of 45,000 residents was set.\\[4] It was met.[5]\n\nNobody knew,[6] later.'
  expect(sentences(notes)).toEqual([
    'Asia followed.',
    'In 2010, a target of 45,000 residents was set.',
    'It was met.',
    'Nobody knew, later.',
  ])
  expect(sentences('The list\\[0] is read first.')).toEqual(['The list[0] is read first.'])
})

describe('thin sources', () => {
  const sources: readonly [name: string, source: string][] = [
    ['a single sentence', 'A lease is a right to work on a task.'],
    ['two words', 'Hello world.'],
    ['a heading', '# Just a heading'],
    ['code only', '```\nnpm install\n```'],
    [
      'German',
      'Das Protokoll verbindet zwei Rechner miteinander. Jede Nachricht trägt eine Nummer. Der Empfänger bestätigt die Nummer jeder Nachricht, und der Sender wiederholt unbestätigte Nachrichten.',
    ],
    ['Chinese', '日志是唯一的事实。每个事件都有一个编号。客户端从游标继续读取事件。'],
    ['Arabic', 'السجل هو الحقيقة الوحيدة. كل حدث له رقم. يقرأ العميل الأحداث من المؤشر.'],
    ['a question', 'What is a log?'],
    ['emoji', '🎉🎉🎉 🚀'],
    ['a table without text', '| a | b |\n|---|---|\n| 1 | 2 |'],
    ['one endless line', 'word '.repeat(20_000)],
    ['private characters', 'The \ue000 sign \uf8ff means nothing here, nothing at all.'],
    [
      'HTML',
      '<div>\n<script>alert(1)</script>\n</div>\n\nA <b>bold</b> & <img src=x onerror=alert(1)> statement about logs.',
    ],
  ]
  test.each(sources)('yield short content or a reason: %s', async (_, source) => {
    for (const piece of pieces) {
      const result = await generate({ piece, source, links: [], corpus: [] }).catch((error: unknown) => error)
      if (typeof result === 'string') {
        expect(result).toMatch(/^# \S[\s\S]*\S\n$/)
        expect(htmlIn(result)).toEqual([])
      } else expect(result).toMatchObject({ code: 'NOT_ENOUGH_TEXT', retryable: false })
    }
  })

  test.each(pieces)('without content yield a reason and advice: %s', async (piece) => {
    const failure = await failureOf(provider.generate(requestOf({ piece, source: ' \n', links: [] })))
    expect(failure).toMatchObject({ code: 'NOT_ENOUGH_TEXT', retryable: false })
    expect(failure.message).toBe('There is no text about "Snapshots"')
    expect(failure.advice).toContain('import it again')
  })

  test('with links only yield resources, and a tutorial and a quiz that say so', async () => {
    const source = '- [A](https://a.example)\n- [B](https://b.example)'
    expect(await generate({ piece: 'RESOURCES', source })).toContain('- [A](https://a.example)')
    expect(await generate({ piece: 'TUTORIAL', source })).toContain('gives only links')
    expect(await generate({ piece: 'QUIZ', source })).toContain('gives only links')
  })
})

const words = fc.constantFrom(
  ...'the a log event topic cursor reader `append` `seq` keeps follows is was and of in order, Redis Postgres first 15 ms (see note) never. again: which? taskProgress events readers snapshot slow places'.split(
    ' ',
  ),
)
const sentence = fc.array(words, { minLength: 3, maxLength: 18 }).map((all) => `${all.join(' ')}.`)
const block = fc.oneof(
  fc.array(sentence, { minLength: 1, maxLength: 4 }).map((all) => all.join(' ')),
  fc.array(sentence, { minLength: 1, maxLength: 4 }).map((all) => all.map((one) => `- ${one}`).join('\n')),
  sentence.map((one) => `**Term:** ${one}`),
  sentence.map((one) => `| term | meaning |\n|---|---|\n| log | ${one} |\n| topic | ${one} |`),
  sentence.map((one) => `## ${one}`),
  fc.constant('```ts\nlog.append(event)\nnew Feed(log)\n```'),
  fc.string({ maxLength: 80 }),
)
const markdowns = fc.array(block, { maxLength: 12 }).map((blocks) => blocks.join('\n\n'))

describe('any source', () => {
  test('yields questions with exactly one correct option among wrong ones', () => {
    fc.assert(
      fc.property(markdowns, fc.array(markdowns, { maxLength: 3 }), fc.integer(), (source, corpus, seed) => {
        checkQuiz({ source, corpus, seed, title: 'The log' })
      }),
      { numRuns: 60 },
    )
  })

  test('yields the same content for the same seed, in chunks that join to Markdown without HTML', async () => {
    await fc.assert(
      fc.asyncProperty(markdowns, fc.constantFrom(...pieces), fc.integer(), async (source, piece, seed) => {
        const outcome = (): Promise<unknown> =>
          collect(createExtractiveProvider().generate(requestOf({ source, piece, seed }))).catch(
            (error: unknown) => error,
          )
        const result = await outcome()
        expect(await outcome()).toEqual(result)
        if (typeof result === 'string') {
          expect(result).toMatch(/^# \S[\s\S]*\S\n$/)
          expect(htmlIn(result)).toEqual([])
        } else expect(result).toMatchObject({ code: 'NOT_ENOUGH_TEXT' })
      }),
      { numRuns: 60 },
    )
  })
})
