// Measures the processor time of every step of the built-in generator for hostile texts of growing
// size: `npm run bench:growth [-- STEP…]`. Twice the input may take at most 2.5 times as long. Prints
// the worst text of each step, and fails when one of them grows faster.
import { citableText } from '../../src/studio/content/citation.ts'
import { createCodes, plainText, renderText } from '../../src/studio/content/extractive/codes.ts'
import { createExtractiveProvider } from '../../src/studio/content/extractive/extractive.ts'
import { collectEntries, findCodeNames } from '../../src/studio/content/extractive/lexicon.ts'
import { isEnglish } from '../../src/studio/content/extractive/phrases.ts'
import { turnAround } from '../../src/studio/content/extractive/questions/opposites.ts'
import { createExtractiveQuestions } from '../../src/studio/content/extractive/questions/questions.ts'
import { rankSentences, readForContent } from '../../src/studio/content/extractive/reading.ts'
import { composeQuotation } from '../../src/studio/content/extractive/reply.ts'
import { splitSentences } from '../../src/studio/content/extractive/sentences.ts'
import { readSource } from '../../src/studio/content/extractive/source-text.ts'
import { cutIntoPieces } from '../../src/studio/content/pieces.ts'
import type { ContentPiece, ContentRequest } from '../../src/studio/content/provider.ts'
import { questionKinds, wordsOf } from '../../src/studio/content/question.ts'
import { htmlToMarkdown } from '../../src/studio/documents/convert/html.ts'
import type { DocumentStructure, Section } from '../../src/studio/documents/structure/structure.ts'
import { writeTemplate } from '../../src/studio/projects/generate/templates.ts'
import { outlineRoadmap } from '../../src/studio/roadmaps/outline.ts'
import { splitMarkdown } from '../../src/studio/roadmaps/outline-split.ts'
import { parseMarkdown } from '../../src/studio/text/markdown.ts'
import { countWords, createSlugger, escapeMarkdown, shorten, stripTags } from '../../src/studio/text/text.ts'

const signal = new AbortController().signal
/** Below 16 kB the Markdown parser's time for one list or table grows up to 3.3-fold, and remains below 0.2 s. */
const sizes = [16_384, 32_768, 65_536, 131_072, 262_144]
const maxRatio = 2.5
/** Smaller times are noise. */
const minMs = 25
const rounds = 4

const repeated = [
  '.',
  'a.',
  '_',
  '$a_',
  'a_é',
  'aB.',
  'a/',
  '@a/',
  '-',
  ' ',
  '\t',
  ' \n',
  '\n',
  '(',
  '[',
  '](',
  '[]',
  '![a](b) ',
  '[a](b) ',
  '[a]: b\n',
  '[a][b] ',
  '<',
  '<a ',
  '<!--',
  '</script ',
  '&amp;',
  '`',
  '`a` ',
  '``a` ',
  '*',
  '**a ',
  '**a** – b c d e.\n\n',
  '_a ',
  '~',
  '|',
  '|a',
  '| a | b c d |\n|---|---|\n',
  '> ',
  '- ',
  '- a b c d\n',
  '1. ',
  '# a\n',
  'e.g. ',
  'A. ',
  'A b. ',
  'A b c d e f g. ',
  'The server keeps the log of an event. ',
  'A client must not close before the server. ',
  'The `log` is always after `code`, and never before Redis. ',
  'http://',
  'http://.',
  'http://a.example/b. ',
  'RFC 1234 ',
  '1,',
  '1 ms ',
  '"',
  'é',
  '日志。',
  'word ',
  'x',
  'ab-',
  "a'",
  '//',
  '<p>',
  '<div>a</div>',
  '<span>',
  '<b><p>',
  '<span><div>a</div>',
  '<x-a><p>',
  '<ul><li>a</ul>',
  '<li>a',
  '<table><tr><td>',
  '<td>a',
  '<a href="https://a.example/">a',
  '<i></i>',
  '<iframe>',
  '<iframe><noscript>',
  '<noscript><iframe></noscript>a',
  '<template>',
  '<svg></svg>',
  '<svg><desc>a</desc></svg>',
  '<math><mi>a</math>',
  '<select><option>',
  '<footer>a',
  '<div hidden>',
  '```\na.b(\n```\n',
  '\ue000',
  '😀',
] as const

/** A text of a size, with a different number in each repetition, so that nothing is found twice. */
const numbered = (size: number): string => {
  let text = ''
  for (let index = 0; text.length < size; index += 1)
    text += `The part${index} keeps \`code${index}\` of Name${index} before the log${index} ends. `
  return text
}

const texts: readonly (readonly [name: string, make: (size: number) => string])[] = [
  ...repeated.map((piece) => [piece, (size: number) => piece.repeat(Math.ceil(size / piece.length))] as const),
  ['numbered sentences', numbered],
  ['numbered items', (size) => numbered(size).replaceAll('. ', '.\n- ')],
  ['one line of code', (size) => `\`\`\`js\n${'a.b('.repeat(size / 4)}\n\`\`\``],
]

const sectionOf = (body: string): Section => ({ key: 'a', level: 1, heading: 'A', body, position: 0 })
const structureOf = (body: string): DocumentStructure => ({
  title: 'A',
  sections: [sectionOf(body)],
  links: Array.from({ length: 1_000 }, (_, index) => ({
    text: 'a',
    url: `https://a.example/${index}`,
    sectionKey: 'a',
  })),
  wordCount: 1,
  notes: [],
})
const requestOf = (piece: ContentPiece, source: string): ContentRequest => ({
  piece,
  title: 'A',
  context: { roadmap: 'A', stage: 'B', module: 'C' },
  source,
  links: [],
  corpus: Array.from({ length: 12 }, (_, index) => `B${index}\n\n${source.slice(index)}`),
  seed: 1,
  signal,
})
async function drain(parts: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of parts);
}
/** Elements that are nested too deeply are refused. */
function convertHtml(html: string): void {
  try {
    for (const _ of htmlToMarkdown(html));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
}
/** Content may be refused for lack of sentences. */
const write = (piece: ContentPiece, text: string): Promise<void> =>
  drain(createExtractiveProvider().generate(requestOf(piece, text))).catch(() => undefined)
const around = (text: string): string => text.slice(0, 12_000)

const steps: Readonly<Record<string, (text: string) => unknown>> = {
  countWords,
  shorten: (text) => shorten(text, 100),
  convertHtml,
  slug: (text) => createSlugger()(text),
  escapeMarkdown,
  stripTags,
  parseMarkdown: (text) => parseMarkdown(around(text)),
  encodeIdentifiers: (text) => createCodes().encodeIdentifiers(text),
  renderText: (text) => renderText(text, { codes: ['a'] }),
  plainText: (text) => plainText(text, { codes: ['a'] }),
  splitSentences,
  wordsOf,
  isEnglish,
  turnAround,
  cutIntoPieces,
  readSource,
  readForContent,
  rankSentences: (text) => rankSentences(readForContent(text), 'A', () => 0),
  collectEntries: (text) => collectEntries(readForContent(text)),
  findCodeNames: (text) => findCodeNames(readForContent(text)),
  citableText,
  splitMarkdown: (text) => splitMarkdown(text, 1_000),
  outlineRoadmap: (text) => outlineRoadmap(structureOf(text)),
  tutorial: (text) => write('TUTORIAL', text),
  resources: (text) => write('RESOURCES', text),
  quiz: (text) => write('QUIZ', text),
  questions: (text) =>
    drain(
      createExtractiveQuestions().ask({
        title: 'A',
        sections: [text, text, text].map((body, index) => ({ key: String(index), heading: `A${index}`, body })),
        count: 20,
        kinds: questionKinds,
        avoid: [],
        seed: 1,
        signal,
      }),
    ),
  quotation: (text) =>
    composeQuotation({
      cardCount: 1,
      passages: [
        { source: 'A', heading: '', page: null, text, matches: [{ start: 0, end: 1 }] },
        { source: 'B', heading: '', page: null, text, matches: [{ start: 0, end: 1 }] },
      ],
    }),
  template: (text) =>
    writeTemplate({
      prompt: '',
      template: 'READING_PAGE',
      material: { title: 'A', sections: [{ key: 'a', level: 1, heading: 'A', body: text }], questions: [] },
    }),
}

async function cpuMs(step: (text: string) => unknown, text: string): Promise<number> {
  const before = process.cpuUsage()
  await step(text)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

/** Measures a time again that seems too long, as the collector of garbage may have run. */
async function measure(step: (text: string) => unknown, text: string, limitMs: number): Promise<number> {
  let ms = await cpuMs(step, text)
  for (let round = 1; round < rounds && ms > limitMs; round += 1) ms = Math.min(ms, await cpuMs(step, text))
  return ms
}

const wanted = process.argv.slice(2)
let failures = 0
process.stdout.write(`${'step'.padEnd(20)}${'worst growth'.padEnd(40)}longest\n`)
for (const [name, step] of Object.entries(steps)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  let worst = { ratio: 0, told: '' }
  let longest = { ms: 0, told: '' }
  for (const [label, make] of texts) {
    let previous = 0
    for (const size of sizes) {
      const ms = await measure(step, make(size), Math.max(minMs, previous * maxRatio))
      const shown = `${JSON.stringify(label).slice(0, 24)} of ${size / 1_024} kB`
      if (ms > longest.ms) longest = { ms, told: shown }
      const ratio = previous >= minMs ? ms / previous : 0
      if (ratio > worst.ratio) worst = { ratio, told: `${ratio.toFixed(2)} × for ${shown}` }
      if (ratio > maxRatio) {
        failures += 1
        process.stdout.write(`  ${name}: ${shown} took ${Math.round(ms)} ms, half of it ${Math.round(previous)} ms\n`)
      }
      previous = ms
      // A larger text would only show the same.
      if (ms > 10_000) break
    }
  }
  process.stdout.write(
    `${name.padEnd(20)}${(worst.told || 'below the noise').padEnd(40)}${Math.round(longest.ms)} ms for ${longest.told}\n`,
  )
}
process.exitCode = failures === 0 ? 0 : 1
