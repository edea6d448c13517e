import { escapeMarkdown, safeUrl, shorten } from '../../text/text.ts'
import type { ContentRequest } from '../provider.ts'
import { plainText, renderText } from './codes.ts'
import { isFunctionWord, stemOf } from './phrases.ts'
import type { Reading } from './reading.ts'
import type { SourceText } from './source-text.ts'

const maxLinks = 25
const maxSuggestions = 4
/** Length of another concept's text that is compared. */
const maxComparedCharacters = 8_000

interface Resource {
  readonly text: string
  readonly url: string
  /** The sentence that contains the link, as Markdown; '' when it adds nothing to the link itself. */
  readonly context: string
}

/**
 * Lists further reading: the links of the source with their sentences, standards it names, its own
 * sections, and concepts of the same roadmap that share its words.
 */
export function writeResources(
  reading: Reading,
  request: Pick<ContentRequest, 'title' | 'context' | 'links' | 'corpus'>,
): string {
  const { source } = reading
  const resources = collectResources(source, request.links)
  const outside = resources.filter(({ url }) => /^(https?:|mailto:)/.test(url))
  const inside = resources.filter(({ url }) => !/^(https?:|mailto:|#)/.test(url))
  const suggestions = suggestReading(reading, request)
  const place = [...new Set([request.context.roadmap, request.context.stage, request.context.module])]
  const parts = [
    `# Resources: ${escapeMarkdown(request.title)}`,
    ...section(
      'Links',
      outside.slice(0, maxLinks).map((resource) => `- ${writeLink(resource)}`),
    ),
    outside.length > maxLinks ? `*The text has ${outside.length - maxLinks} more links.*` : '',
    ...section(
      'Files named in the text',
      inside.slice(0, maxLinks).map(({ text, url, context }) => `- ${text} (\`${url}\`)${context}`),
    ),
    ...section('In the document', [
      `- ${[...place, request.title]
        .filter((name, index, all) => name !== all[index - 1])
        .map(escapeMarkdown)
        .join(' › ')}`,
      ...source.headings
        .filter((heading) => !/^(table of )?contents$/i.test(heading))
        .map((heading) => `- ${renderText(heading, source)}`),
    ]),
    ...section(
      'Read on',
      suggestions.map(({ title, shared }) => `- **${escapeMarkdown(title)}**${writeShared(shared)}`),
    ),
    outside.length + inside.length === 0 ? '*The text gives no links on this subject.*' : '',
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${heading}`, lines.join('\n')]
}

function writeLink({ text, url, context }: Resource): string {
  return `[${text}](${/[()<>]/.test(url) ? `<${url.replace(/[<>]/g, encodeURIComponent)}>` : url})${context}`
}

function writeShared(terms: readonly string[]): string {
  return terms.length === 0 ? '' : ` – also about ${terms.map(escapeMarkdown).join(', ')}`
}

function collectResources(source: SourceText, requestLinks: ContentRequest['links']): Resource[] {
  const resources = new Map<string, Resource>()
  // Links that contain only an image are badges.
  const badges = new Set(source.links.flatMap(({ text, url }) => (text === '' ? [url] : [])))
  const add = (url: string, text: string, sentence: string): void => {
    const address = safeUrl(url)
    if (address === undefined || resources.has(address) || badges.has(address)) return
    const name = /[\p{L}\p{N}\ue000-\uf8ff]/u.test(text) ? shorten(text, 120) : nameOf(address)
    const isTelling = sentence.split(' ').length > name.split(' ').length + 3
    const context = isTelling ? ` – ${renderText(shorten(sentence, 240), source)}` : ''
    resources.set(address, {
      url: address,
      text: renderText(name === address ? nameOf(address) : name, source),
      context,
    })
  }
  for (const { text, url, sentence } of source.links) add(url, text, sentence)
  for (const { text, url } of requestLinks) add(url, text, '')
  for (const { text } of source.sentences) {
    for (const [url] of text.matchAll(/https?:\/\/[^\s<>"'`)\]]*[^\s<>"'`)\].,;:!?]/g)) add(url, url, text)
    for (const [name, number] of text.matchAll(/\bRFC[ -]?(\d{3,5})\b/g))
      add(`https://www.rfc-editor.org/rfc/rfc${number}`, name, text)
  }
  return [...resources.values()]
}

/** Shortens an address for display: host and path, without scheme, `www.` and trailing slash. */
function nameOf(url: string): string {
  return shorten(url.replace(/^https?:\/\/(www\.)?|^mailto:|\/$/g, ''), 80)
}

interface Suggestion {
  readonly title: string
  readonly shared: readonly string[]
}

function suggestReading(reading: Reading, { title, corpus }: Pick<ContentRequest, 'title' | 'corpus'>): Suggestion[] {
  const documents = corpus.map(titleAndWords).filter((document) => document.title !== '' && document.title !== title)
  const occurrences = new Map<string, number>()
  for (const { words } of documents)
    for (const stem of words.keys()) occurrences.set(stem, (occurrences.get(stem) ?? 0) + 1)
  const subjects = subjectsOf(reading)
  return documents
    .map(({ title: name, words }) => {
      const sharedTerms = [...subjects]
        .flatMap(([stem, count]) => {
          const word = words.get(stem)
          const rarity = Math.log((documents.length + 1) / (occurrences.get(stem) ?? 1))
          return word === undefined ? [] : [{ word, weight: rarity * Math.sqrt(count) }]
        })
        .sort((a, b) => b.weight - a.weight || (a.word < b.word ? -1 : 1))
      const weight = sharedTerms.slice(0, 12).reduce((sum, match) => sum + match.weight, 0)
      return {
        title: name,
        weight,
        shared: sharedTerms
          .filter((match) => match.weight > 0.5)
          .slice(0, 3)
          .map(({ word }) => word),
      }
    })
    .filter(({ shared }) => shared.length > 0)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, maxSuggestions)
}

/** Counts the subjects of a text: the words of its noun phrases, and the names in its code. */
function subjectsOf({ source, phrases }: Reading): ReadonlyMap<string, number> {
  const subjects = new Map<string, number>()
  const add = (word: string): void => {
    const stem = stemOf(word)
    if (stem.length > 2 && !isFunctionWord(word)) subjects.set(stem, (subjects.get(stem) ?? 0) + 1)
  }
  for (const { text, kind } of phrases.flat())
    if (kind !== 'NUMBER') for (const word of plainText(text, source).split(/[^\p{L}\p{N}_-]+/u)) add(word)
  for (const { value } of source.codeBlocks) for (const [word] of value.matchAll(/[A-Za-z]{5,}/g)) add(word)
  return subjects
}

/** Splits a text into its title, which is the first line, and its words by stem, in their original form. */
function titleAndWords(text: string): { title: string; words: ReadonlyMap<string, string> } {
  const [firstLine = ''] = text.trimStart().split('\n', 1)
  const title = shorten(firstLine.replace(/^#+\s*/, ''), 100)
  const words = new Map<string, string>()
  for (const [word] of text.slice(0, maxComparedCharacters).matchAll(/[\p{L}][\p{L}\p{M}\p{N}_-]{2,}/gu))
    if (!isFunctionWord(word) && !words.has(stemOf(word))) words.set(stemOf(word), word)
  return { title, words }
}
