import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Question } from '../../content/question.ts'
import { type FileInput, type ProjectTemplate, projectLimits } from '../project.ts'
import type { GenerateRequest, GeneratorReport, Material, ProjectGenerator } from './generator.ts'
import { escapeHtml, renderInline, renderMarkdown } from './markdown-html.ts'

/**
 * Size of one piece of a streamed file, so that users can watch it being written; larger for long
 * files, which would take too long.
 */
const pieceCharacters = 80
const maxPieces = 100

const words: readonly (readonly [ProjectTemplate, RegExp])[] = [
  ['FLASH_CARDS', /flash|\bcards?\b|karteikart|lernkart|vocab|memori[sz]e/i],
  ['QUIZ_PAGE', /quiz|\btest\b|question|exam|multiple.choice|prüfung|frage/i],
]

/** Returns the template that a prompt asks for; a reading page when it names none. */
export function templateOf(prompt: string): ProjectTemplate {
  return words.find(([, pattern]) => pattern.test(prompt))?.[0] ?? 'READING_PAGE'
}

/**
 * Creates the generator that needs no service: built-in pages, filled with a document or a quiz.
 *
 * @param options.paceMs - delay between two pieces of text
 * @param options.write - renders the files; {@link writeTemplate} in this process by default, which
 * a long document occupies
 */
export function createTemplateGenerator({
  paceMs,
  write = writeTemplate,
}: {
  readonly paceMs: number
  readonly write?: (
    request: Pick<GenerateRequest, 'prompt' | 'template' | 'material'>,
    signal: AbortSignal,
  ) => Promise<readonly FileInput[]>
}): ProjectGenerator {
  return {
    name: 'templates',
    async *generate(request): AsyncGenerator<GeneratorReport, void, undefined> {
      const { signal, prompt, template, material } = request
      const files = await write({ prompt, template, material }, signal)
      yield { is: 'files', paths: files.map(({ path }) => path) }
      for (const file of files) {
        yield { is: 'file', path: file.path, stream: file.path }
        const size = Math.max(pieceCharacters, Math.ceil(file.content.length / maxPieces))
        for (let at = 0; at < file.content.length; at += size) {
          signal.throwIfAborted()
          const text = file.content.slice(at, at + size)
          yield { is: 'text', stream: file.path, text, percent: (100 * at) / file.content.length }
          if (paceMs > 0) await delay(paceMs, undefined, { signal })
        }
        yield { is: 'done', file }
      }
    },
  }
}

/** Renders the files of a template. */
export async function writeTemplate(
  request: Pick<GenerateRequest, 'prompt' | 'template' | 'material'>,
): Promise<FileInput[]> {
  const { material } = request
  switch (request.template ?? templateOf(request.prompt)) {
    case 'READING_PAGE':
      return [page(material, writeReading(material)), ...(await own('reading-page'))]
    case 'FLASH_CARDS':
      return [
        page(material, deck, ['cards.js']),
        { path: 'cards.js', content: writeCards(material) },
        ...(await own('flash-cards')),
      ]
    case 'QUIZ_PAGE':
      return [
        page(material, quiz, ['questions.js']),
        { path: 'questions.js', content: writeQuestions(material) },
        ...(await own('quiz-page')),
      ]
  }
}

/** Reads the style and the script of a template from its folder. */
async function own(name: string): Promise<FileInput[]> {
  const read = (file: string): Promise<string> => readFile(new URL(`./templates/${file}`, import.meta.url), 'utf8')
  const [base, style, script] = await Promise.all([read('base.css'), read(`${name}.css`), read(`${name}.js`)])
  return [
    { path: 'style.css', content: `${base}\n${style}` },
    { path: 'app.js', content: script },
  ]
}

function page({ title }: Material, body: string, data: readonly string[] = []): FileInput {
  const scripts = [...data, 'app.js'].map((path) => `    <script src="${path}"></script>`).join('\n')
  return {
    path: 'index.html',
    content: `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${escapeHtml(title)}</title>
    <link rel="stylesheet" href="style.css">
  </head>
  <body>
    <header>
      <h1>${escapeHtml(title)}</h1>
      <p id="status" role="status"></p>
    </header>
${body}
${scripts}
  </body>
</html>
`,
  }
}

const deck = `    <main>
      <button id="card" type="button" aria-live="polite"></button>
      <nav aria-label="Cards">
        <button id="before" type="button">Back</button>
        <button id="again" type="button">Once more</button>
        <button id="known" type="button">I knew it</button>
      </nav>
      <p class="hint">Space turns the card; <kbd>←</kbd> goes back, <kbd>1</kbd> keeps it in the deck, <kbd>2</kbd> takes it out.</p>
    </main>`

const quiz = `    <main>
      <form id="quiz"></form>
    </main>`

/** A document that exceeds the size limit of a project is truncated between two sections, with a note. */
function writeReading({ title: name, sections }: Material): string {
  const cards: { readonly key: string; readonly heading: string; readonly html: string }[] = []
  let bytes = 0
  let omittedCount = 0
  for (const { level, heading, body } of sections) {
    const tag = `h${Math.min(6, Math.max(2, level + 1))}`
    const key = `section-${cards.length + 1}`
    // The page already has it as its own heading.
    const isTitle = cards.length === 0 && heading.trim() === name.trim()
    const title = isTitle || heading.trim() === '' ? '' : `        <${tag}>${escapeHtml(heading)}</${tag}>\n`
    // Such a section cannot fit, whatever it contains.
    if (omittedCount > 0 || body.length > projectLimits.maxFileBytes * 0.8) {
      omittedCount += 1
      continue
    }
    const html = `      <section id="${key}">\n${title}${renderMarkdown(body)}      </section>`
    bytes += Buffer.byteLength(html)
    if (bytes > projectLimits.maxFileBytes * 0.8) omittedCount += 1
    else cards.push({ key, heading, html })
  }
  const list = cards
    .filter(({ heading }) => heading.trim() !== '')
    .map(({ key, heading }) => `        <li><a href="#${key}">${escapeHtml(heading)}</a></li>`)
  const note =
    omittedCount === 0
      ? ''
      : `      <p class="hint">${omittedCount} more sections of the document did not fit on this page.</p>\n`
  return `    <nav aria-label="Contents">
      <div class="tools">
        <button id="smaller" type="button" aria-label="Smaller text">A−</button>
        <button id="larger" type="button" aria-label="Larger text">A+</button>
      </div>
      <ol>
${list.join('\n')}
      </ol>
    </nav>
    <main>
${cards.map(({ html }) => html).join('\n')}
${note}    </main>`
}

/** Readable in the editor: one entry per line. */
function writeData(name: string, entries: readonly object[]): string {
  return `window.${name} = [\n${entries.map((entry) => `  ${JSON.stringify(entry)},`).join('\n')}\n]\n`
}

function writeCards({ questions }: Material): string {
  return writeData(
    'cards',
    questions.map(({ kind, prompt, answer, citation }) => ({
      front: renderInline(kind === 'TRUE_FALSE' ? `True or false: ${prompt}` : prompt),
      back:
        kind === 'CLOZE'
          ? escapeHtml(answer)
          : renderInline(kind === 'TRUE_FALSE' ? (answer === 'TRUE' ? 'True' : 'False') : answer),
      from: citation.heading,
    })),
  )
}

function writeQuestions({ questions }: Material): string {
  return writeData(
    'questions',
    questions.map((question) => {
      const { kind, prompt, answer, alternatives, explanation } = question
      return {
        prompt: renderInline(prompt),
        options: optionsOf(question).map(({ key, html }) => ({ key, html })),
        answers:
          kind === 'CLOZE'
            ? [answer, ...alternatives]
            : optionsOf(question).flatMap((option) => (option.isRight ? [option.key] : [])),
        explanation: renderInline(explanation),
      }
    }),
  )
}

/** The choices of a question, as HTML; empty for a free answer. */
function optionsOf({ kind, options, answer }: Pick<Question, 'kind' | 'options' | 'answer'>): readonly {
  readonly key: string
  readonly html: string
  readonly isRight: boolean
}[] {
  if (kind === 'CLOZE') return []
  if (kind === 'TRUE_FALSE')
    return [
      { key: 'TRUE', html: 'True', isRight: answer === 'TRUE' },
      { key: 'FALSE', html: 'False', isRight: answer === 'FALSE' },
    ]
  return options.map((text, place) => ({
    key: String.fromCharCode(65 + place),
    html: renderInline(text),
    isRight: text === answer,
  }))
}
