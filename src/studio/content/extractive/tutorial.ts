import { escapeMarkdown } from '../../text/text.ts'
import type { ContentRequest } from '../provider.ts'
import { plainText, renderText } from './codes.ts'
import { findKeyTerms } from './key-terms.ts'
import { createRandom } from './random.ts'
import { isDangling, isDefining, isPointer, isStatement, type Reading, rankSentences } from './reading.ts'
import type { Block, CodeBlock, Sentence } from './source-text.ts'

const maxKeySentences = 9
const maxTerms = 6
const maxDefinitions = 8
const maxDefinitionsAlone = 16
const maxCodeLines = 45
const maxTableRows = 10
/** A list of up to this many sentences is included whole when one of its items is chosen. */
const maxListSentences = 8

/**
 * Writes a short lesson from a reading: a one-line summary, the main points in the source's order
 * and under its headings, the terms, and an example to try. Every statement is a sentence of the
 * source.
 */
export function writeTutorial(reading: Reading, request: Pick<ContentRequest, 'title' | 'context' | 'seed'>): string {
  const { source } = reading
  const random = createRandom(request.seed)
  const scores = rankSentences(reading, request.title, random.next)
  const summary = chooseSummary(reading, scores)
  const sentences = chooseSentences(reading, scores, summary)
  const isGlossary = source.sentences.length < 3 && source.definitions.length > 0
  const terms = findKeyTerms(
    reading,
    scores,
    isGlossary ? maxDefinitionsAlone : source.definitions.length > 0 ? maxDefinitions : maxTerms,
  )
  const shownTexts = new Set([...sentences, ...(summary === undefined ? [] : [summary])].map(({ text }) => text))
  const explainedTerms = terms.filter(({ term, text, isDefined }) => {
    const isPlain = !isDefined && !/[\s\p{Lu}\ue000-\uf8ff]/u.test(term)
    return !isPlain && ![...shownTexts].some((sentence) => sentence.includes(text))
  })
  const namedTerms = terms
    .filter((term) => !explainedTerms.includes(term) && !plainText(term.term, source).startsWith('npm '))
    .map(({ term }) => renderText(term, source))
  const points = writePoints(reading, sentences)
  const parts = [
    `# ${escapeMarkdown(request.title)}`,
    writeSummary(reading, summary),
    ...section(points.includes('\n') || explainedTerms.length > 0 ? 'The main points' : '', points),
    ...section(
      'Key terms',
      explainedTerms
        .map(({ term, text }) => `- **${renderText(term, source)}** – ${renderText(text, source)}`)
        .join('\n'),
    ),
    isGlossary && source.definitions.length > terms.length
      ? `*The text explains ${source.definitions.length - terms.length} more.*`
      : '',
    namedTerms.length > 1 ? `**Terms to remember:** ${namedTerms.join(', ')}.` : '',
    ...section('At a glance', writeTable(reading)),
    ...section('Try it', writeExample(reading)),
    source.sentences.length + source.definitions.length + source.tables.length > 0
      ? `*Condensed${writeOrigin(request)}.*`
      : source.codeBlocks.length > 0
        ? `*The example is${writeOrigin(request) || ' the whole text'}.*`
        : '*The text gives only links on this subject; the resources list them.*',
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function writeSummary({ source }: Reading, summary: Sentence | undefined): string {
  if (summary !== undefined) return `**In short:** ${renderText(summary.text, source)}`
  const terms = source.definitions.map(({ term }) => `**${renderText(term, source)}**`)
  if (terms.length < 2)
    return source.codeBlocks.length > 0 && source.sentences.length === 0 ? 'The text shows this by example only.' : ''
  const termList = terms.slice(0, 6).join(', ')
  return `This part explains ${terms.length} terms: ${termList}${terms.length > 6 ? ' …' : ''}`
}

function section(heading: string, body: string): string[] {
  return body === '' ? [] : [heading === '' ? '' : `## ${heading}`, body]
}

/** Chooses the sentence that states the subject: a good one near the beginning. */
function chooseSummary({ source }: Reading, scores: readonly number[]): Sentence | undefined {
  const statements = source.sentences.filter((sentence) => isStatement(sentence) && !isPointer(sentence))
  const candidates = statements.filter((sentence) => !isDangling(sentence) && !isInstruction(sentence)).slice(0, 5)
  const weigh = (sentence: Sentence, place: number): number =>
    (scores[sentence.position] ?? 0) +
    (isDefining(sentence) ? 0.3 : 0) -
    place * 0.35 -
    (sentence.text.match(/[\ue000-\uf8ff]/g)?.length ?? 0) * 0.3 -
    (/^(what|when|if|where|while|after|before|(the )?(first|second|third|last|next|following|above|below|latter|former)|\S+ (that|this))\b/i.test(
      sentence.text,
    )
      ? 0.5
      : 0)
  const weights = new Map(candidates.map((sentence, place) => [sentence, weigh(sentence, place)]))
  return candidates.toSorted((a, b) => (weights.get(b) ?? 0) - (weights.get(a) ?? 0))[0] ?? statements[0]
}

function isInstruction({ text }: Sentence): boolean {
  return /^(use|run|install|open|make sure|note|please|add|create|set)\b/i.test(text)
}

/**
 * Chooses the key sentences, with the sentences they depend on. A short list is included whole when
 * one of its items is chosen.
 */
function chooseSentences({ source }: Reading, scores: readonly number[], summary: Sentence | undefined): Set<Sentence> {
  const candidates = source.sentences.filter((sentence) => sentence !== summary && !/[:?]$/.test(sentence.text))
  const count = Math.min(maxKeySentences, Math.max(3, Math.ceil(candidates.length * 0.35)))
  const best = candidates
    .filter((sentence) => (isStatement(sentence) || source.sentences.length <= 4) && !isPointer(sentence))
    .toSorted((a, b) => (scores[b.position] ?? 0) - (scores[a.position] ?? 0))
    .slice(0, count)
  const chosen = new Set(best)
  for (const sentence of best) {
    const list = source.blocks[sentence.block]?.list
    if (list !== undefined) {
      const all = source.blocks.filter((block) => block.list?.id === list.id).flatMap((block) => block.sentences)
      if (all.length <= maxListSentences)
        for (const listSentence of all) if (listSentence !== summary) chosen.add(listSentence)
    }
    // "This …" is meaningless without the previous sentence.
    for (let at = sentence; isDangling(at); ) {
      const before = source.sentences[at.position - 1]
      if (before === undefined || before.block !== at.block || before === summary) break
      chosen.add(before)
      at = before
    }
  }
  return chosen
}

function writePoints({ source }: Reading, sentences: ReadonlySet<Sentence>): string {
  const parts: string[] = []
  let heading = ''
  let lastList: number | undefined
  const headings = new Set([...sentences].map((sentence) => sentence.heading))
  for (const block of source.blocks) {
    const own = block.sentences.filter((sentence) => sentences.has(sentence))
    if (own.length === 0) continue
    if (block.heading !== heading && headings.size > 1) {
      heading = block.heading
      parts.push(`### ${renderText(heading, source)}`)
    }
    if (block.lead !== undefined && block.list?.id !== lastList && !sentences.has(block.lead))
      parts.push(renderText(block.lead.text, source))
    const label = block.label === '' ? '' : `**${renderText(block.label, source)}** `
    const text = label + own.map((sentence) => renderText(sentence.text, source)).join(' ')
    parts.push(writeBlock(block, text, lastList))
    lastList = block.list?.id
  }
  return parts.reduce((text, part) => `${text}${part.startsWith('\n') ? '' : '\n\n'}${part}`, '').trim()
}

/** An item that follows another of its list is placed directly below it. */
function writeBlock({ list }: Block, text: string, lastList: number | undefined): string {
  if (list === undefined) return text.replace(/^(\d+)([.)])(?=\s)/, '$1\\$2').replace(/^([-+#>])/, '\\$1')
  return `${lastList === list.id ? '\n' : ''}${list.ordered ? '1.' : '-'} ${text}`
}

function writeTable({ source }: Reading): string {
  const table = source.tables.find(({ rows }) => (rows[0]?.length ?? 0) <= 5)
  if (table === undefined) return ''
  const [head = [], ...body] = table.rows
  const row = (cells: readonly string[]): string => `| ${cells.map((cell) => renderText(cell, source)).join(' | ')} |`
  const lines = [row(head), `|${'---|'.repeat(head.length)}`, ...body.slice(0, maxTableRows).map(row)]
  const restNote = body.length > maxTableRows ? `\n\n*The table has ${body.length - maxTableRows} more rows.*` : ''
  return `${lines.join('\n')}${restNote}`
}

/** Writes the first example of a readable length; a longer one is truncated. */
function writeExample({ source }: Reading): string {
  const { codeBlocks } = source
  const lines = ({ value }: CodeBlock): number => value.split('\n').length
  const namedBlocks = codeBlocks.filter(({ language }) => language !== '')
  const code =
    namedBlocks.find((block) => lines(block) >= 2 && lines(block) <= maxCodeLines) ??
    codeBlocks.find((block) => lines(block) <= maxCodeLines) ??
    codeBlocks[0]
  if (code === undefined) return ''
  const isLong = lines(code) > maxCodeLines
  const value = isLong ? code.value.split('\n').slice(0, maxCodeLines).join('\n') : code.value
  const fence = '`'.repeat(Math.max(3, ...[...value.matchAll(/`+/g)].map(([run]) => run.length + 1)))
  return [
    code.lead === undefined ? '' : renderText(code.lead.text, source),
    `${fence}${code.language}\n${value}\n${fence}`,
    isLong ? `*The example goes on for ${lines(code) - maxCodeLines} more lines in the text.*` : '',
    isData(code) ? '' : 'Say what each line does, then change one thing and predict the result.',
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

/**
 * Whether code is a shell command, a setting or a drawing: it is to be used or read, not to be
 * modified line by line.
 */
function isData({ language, value }: CodeBlock): boolean {
  return (
    /^(|sh|bash|shell|console|text|txt|json|yaml|yml|toml|ini|diff|mermaid)$/i.test(language) || !value.includes('\n')
  )
}

function writeOrigin({ title, context }: Pick<ContentRequest, 'title' | 'context'>): string {
  const where = [...new Set([context.roadmap, context.stage, context.module])].filter((name) => name !== title)
  return where.length === 0 ? '' : ` from ${where.map((name) => `“${escapeMarkdown(name)}”`).join(' › ')}`
}
