import type { Code, Nodes, PhrasingContent, Root, RootContent, TableRow } from 'mdast'
import { parseMarkdown } from '../../text/markdown.ts'
import { safeUrl, stripTags, trimEndOf } from '../../text/text.ts'
import { maxSourceCharacters } from '../provider.ts'
import { type CodeTable, createCodes } from './codes.ts'
import { splitSentences } from './sentences.ts'

/**
 * A sentence of a source. Inline code and identifiers are atomic: each is a single private-use
 * character in `text`, see {@link CodeTable}.
 */
export interface Sentence {
  readonly text: string
  /** Sentences with the same block belong to one paragraph or list item. */
  readonly block: number
  readonly position: number
  /** The heading above it within the source; '' before the first heading. */
  readonly heading: string
}

/** A paragraph, or an item of a list. */
export interface Block {
  readonly id: number
  readonly kind: 'PARAGRAPH' | 'ITEM'
  /** Shared by the items of one list. */
  readonly list: { readonly id: number; readonly ordered: boolean; readonly depth: number } | undefined
  readonly heading: string
  /** Leading bold words, such as "Record:"; they are not part of the sentences. '' when there are none. */
  readonly label: string
  readonly sentences: readonly Sentence[]
  /** The paragraph that introduces a list, ending with a colon. */
  readonly lead: Sentence | undefined
}

/** A fenced or indented code block. */
export interface CodeBlock {
  readonly language: string
  readonly value: string
  /** The sentence before it. */
  readonly lead: Sentence | undefined
}

/** A term that the source defines: a row of a table, an item that begins with a bold word, "X is a …". */
export interface Definition {
  readonly term: string
  readonly meaning: string
  readonly position: number
}

/** A table that defines no terms. */
interface Table {
  /** Column headings, and the cells of each row below them. */
  readonly rows: readonly (readonly string[])[]
}

/** The parsed content of a Markdown text. */
export interface SourceText {
  readonly blocks: readonly Block[]
  readonly sentences: readonly Sentence[]
  readonly codeBlocks: readonly CodeBlock[]
  readonly definitions: readonly Definition[]
  readonly tables: readonly Table[]
  readonly headings: readonly string[]
  readonly links: readonly { readonly text: string; readonly url: string; readonly sentence: string }[]
  readonly codes: CodeTable
}

const maxSentences = 250
/** Marks of footnotes behind a sentence or a part of it, such as `[3][4]`, and remarks of editors. */
const noteMarks = /(?<=[.,;:!?)”"’])(?:\[(?:\d{1,3}|[a-z]|note \d{1,3})\]){1,9}(?=\s|$)|\[citation needed\]/gi

/**
 * Parses Markdown into sentences, code, definitions and links. Reads at most {@link maxSourceCharacters}
 * and 250 sentences.
 */
export function readSource(markdown: string): SourceText {
  const text = markdown.slice(0, maxSourceCharacters).replace(/[\ue000-\uf8ff]/g, '')
  const reader = createReader(hasNotes(text))
  reader.readChildren(parseMarkdown(text))
  return reader.finish()
}

/** Number of footnotes behind punctuation from which a number in brackets behind a word is one as well. */
const minNotes = 3

function hasNotes(markdown: string): boolean {
  return (markdown.match(/[.,;:]\\?\[\d{1,3}\\?\]/g)?.length ?? 0) >= minNotes
}

function createReader(hasMarks: boolean) {
  const { codes, encode, encodeIdentifiers } = createCodes()
  const blocks: Block[] = []
  const sentences: Sentence[] = []
  const codeBlocks: CodeBlock[] = []
  const definitions: Definition[] = []
  const tables: Table[] = []
  const headings: string[] = []
  const links: { text: string; url: string; sentence: string }[] = []
  const targets = new Map<string, string>()
  let heading = ''
  let lists = 0

  const inlineText = (nodes: readonly PhrasingContent[]): string =>
    nodes
      .map((node): string => {
        if (node.type === 'text')
          return /^(https?:|www\.)/.test(node.value) ? node.value : encodeIdentifiers(node.value)
        if (node.type === 'inlineCode') return encode(node.value.replace(/\s+/g, ' '))
        if (node.type === 'break') return ' '
        return 'children' in node ? inlineText(node.children) : ''
      })
      .join('')

  let split: { readonly context: string; readonly sentences: readonly string[] } | undefined
  /** Splits a paragraph once for all of its links. */
  const sentencesOf = (context: string): readonly string[] => {
    if (split?.context !== context) split = { context, sentences: splitSentences(context) }
    return split.sentences
  }

  const lineOf = (nodes: readonly PhrasingContent[]): string =>
    inlineText(nodes)
      .replace(noteMarks, '')
      .replace(hasMarks ? /(?<=\p{L})(?:\[\d{1,3}\]){1,9}/gu : '', '')
      // A reference link without a definition.
      .replace(/\[([^[\]]+)\]\[[^[\]]*\]/g, '$1')
      .replace(/\s+/g, ' ')
      .trim()

  const collectLinks = (nodes: readonly PhrasingContent[], context: string): void => {
    for (const node of nodes) {
      const target =
        node.type === 'link' ? node.url : node.type === 'linkReference' ? targets.get(node.identifier) : undefined
      const url = target === undefined ? undefined : safeUrl(target)
      if (url !== undefined && 'children' in node) {
        const text = lineOf(node.children)
        links.push({ text, url, sentence: sentencesOf(context).find((sentence) => sentence.includes(text)) ?? context })
      } else if ('children' in node) collectLinks(node.children, context)
    }
  }

  const addBlock = (blockText: string, label: string, list: Block['list'], lead: Sentence | undefined): void => {
    const text = blockText.slice(label.length).replace(/^[\s:–—-]+/, '')
    if (!/[\p{L}\p{N}\ue000-\uf8ff]/u.test(text)) return
    const id = blocks.length
    const own = splitSentences(text)
      .slice(0, Math.max(0, maxSentences - sentences.length))
      .map((sentence, index): Sentence => ({ text: sentence, block: id, position: sentences.length + index, heading }))
    sentences.push(...own)
    const kind = list === undefined ? 'PARAGRAPH' : 'ITEM'
    blocks.push({ id, kind, list, heading, label, sentences: own, lead })
  }

  const define = (term: string, meaning: string): void => {
    const cleanTerm = trimEndOf(term, /[\s:.–—-]/).trim()
    const cleanMeaning = meaning.replace(/^[\s:.–—-]+/, '').trim()
    if (cleanTerm.split(' ').length > 5 || (cleanTerm.length < 2 && !/[\ue000-\uf8ff]/.test(cleanTerm))) return
    // A sentence in bold, or a question.
    if (/\b(is|are|was|were|not|it|what|how|why|where|when|does|do|can|must|may)\b/i.test(cleanTerm)) return
    if (
      /^(note|warning|tip|important|caution|example|todo|hint|info|context|decision|consequences?|status)s?$/i.test(
        cleanTerm,
      )
    )
      return
    if (cleanMeaning.split(' ').length < 3 || !/\p{L}/u.test(cleanMeaning)) return
    definitions.push({ term: cleanTerm, meaning: cleanMeaning, position: sentences.length })
  }

  /** "**term** – meaning", "`option`: meaning"; in an item also "**Term.** Meaning". */
  const readDefinition = (nodes: readonly PhrasingContent[], isItem: boolean): void => {
    const [first, ...rest] = nodes
    const isMarked = first?.type === 'strong' || first?.type === 'inlineCode' || first?.type === 'link'
    if (first === undefined || !isMarked) return
    const term = lineOf([first])
    const after = lineOf(rest)
    const isSeparated =
      /^\s*([:–—]|-\s)/.test(after) || (first.type === 'strong' && (isItem ? /[:.]$/ : /:$/).test(term))
    const meaning = splitSentences(after.replace(/^[\s:–—-]+/, ''))[0] ?? ''
    if (isSeparated && !/: \S/.test(term) && meaning.split(' ').length <= 40) define(term, meaning)
  }

  const labelOf = ([first, ...rest]: readonly PhrasingContent[]): string => {
    const label = first?.type === 'strong' ? lineOf([first]) : ''
    const isApart = /[.:]$/.test(label) || /^\s*([:–—]|- |[\p{Lu}\ue000-\uf8ff])/u.test(inlineText(rest))
    return label.split(' ').length <= 4 && isApart ? label : ''
  }

  const readTable = (rows: readonly TableRow[]): void => {
    const cells = rows.map((row) =>
      row.children.map(({ children }) => {
        const text = lineOf(children)
        collectLinks(children, text)
        return text
      }),
    )
    // The column with the most words explains the column to its left.
    const words = (cells[0] ?? []).map((_, column) =>
      cells.slice(1).reduce((sum, row) => sum + (row[column] ?? '').split(' ').length, 0),
    )
    const meaning = words.indexOf(Math.max(...words))
    const before = definitions.length
    if (meaning > 0) for (const row of cells.slice(1)) define(row[meaning - 1] ?? '', row[meaning] ?? '')
    if (definitions.length === before && cells.length > 1) tables.push({ rows: cells })
  }

  const leadOf = (kind: 'LIST' | 'CODE'): Sentence | undefined => {
    const last = sentences.at(-1)
    if (last === undefined || last.heading !== heading) return undefined
    const announces =
      last.text.endsWith(':') || (kind === 'CODE' && /\b(example|following|follows|below)\b/i.test(last.text))
    return announces ? last : undefined
  }

  const readNode = (node: RootContent, list: Block['list'], lead: Sentence | undefined): void => {
    if (node.type === 'heading') {
      heading = lineOf(node.children)
      if (heading !== '') headings.push(heading)
    } else if (node.type === 'paragraph') {
      const text = lineOf(node.children)
      readDefinition(node.children, list !== undefined)
      collectLinks(node.children, text)
      if (!isOnlyLinks(node.children)) addBlock(text, labelOf(node.children), list, lead)
    } else if (node.type === 'code') codeBlocks.push(toCodeBlock(node, leadOf('CODE')))
    else if (node.type === 'table') readTable(node.children)
    else if (node.type === 'list') {
      const own = { id: lists++, ordered: node.ordered === true, depth: (list?.depth ?? 0) + 1 }
      const ownLead = leadOf('LIST') ?? lead
      for (const item of node.children)
        for (const [index, child] of item.children.entries())
          readNode(child, child.type === 'paragraph' && index > 0 ? undefined : own, ownLead)
    } else if (node.type === 'html') {
      const text = stripTags(node.value).replace(/\s+/g, ' ')
      // A text with fewer words is a row of links or a picture's caption.
      if ((text.match(/\p{L}{2,}/gu)?.length ?? 0) >= 5) addBlock(encodeIdentifiers(text), '', undefined, undefined)
    } else if (node.type === 'blockquote') for (const child of node.children) readNode(child, list, lead)
  }

  return {
    readChildren(root: Root) {
      collectTargets(root, targets)
      for (const node of root.children) readNode(node, undefined, undefined)
    },
    finish: (): SourceText => ({ blocks, sentences, codeBlocks, definitions, tables, headings, links, codes }),
  }
}

/** Badges, tables of contents and lists of links are not content; their links become resources. */
function isOnlyLinks(nodes: readonly PhrasingContent[]): boolean {
  return nodes.every((node) =>
    node.type === 'text'
      ? !/[\p{L}\p{N}]{2}/u.test(node.value)
      : /^(link|linkReference|image|imageReference|html|break)$/.test(node.type),
  )
}

function collectTargets(node: Nodes, targets: Map<string, string>): void {
  if (node.type === 'definition' && !targets.has(node.identifier)) targets.set(node.identifier, node.url)
  if ('children' in node) for (const child of node.children) collectTargets(child, targets)
}

function toCodeBlock({ lang, value }: Code, lead: Sentence | undefined): CodeBlock {
  return { language: (lang ?? '').replace(/[^\w+#.-]/g, ''), value, lead }
}
