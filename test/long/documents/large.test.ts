import fc from 'fast-check'
import type { Nodes } from 'mdast'
import { describe, expect, test } from 'vitest'
import { parseInWindows, parseMarkdown } from '../../../src/studio/text/markdown.ts'
import { readStructure } from '../../studio/read-structure.ts'

/** A Markdown block, and the text that a document with it must contain. */
interface Block {
  readonly source: string
  readonly expected: string
}

/** Returns a block of at least `size` characters; `next(n)` is a number from 0 to n − 1. */
type Make = (size: number, next: (n: number) => number) => Block

const vocabulary = [
  'dough',
  'flour',
  'water',
  '**yeast**',
  '*slow* heat',
  '`oven`',
  '[bread](https://e.org/b)',
  'snake_case',
]
const unsafe: readonly (readonly [source: string, expected: string])[] = [
  ['![a loaf](https://e.org/loaf.png)', 'a loaf'],
  ['<b>salt</b>', 'salt'],
  ['[rye](javascript:bake)', 'rye'],
]

function makeWords(count: number, next: (n: number) => number): Block {
  const words = Array.from({ length: count }, (): readonly [string, string] => {
    const word = next(60) === 0 ? unsafe[next(unsafe.length)] : undefined
    const plain = `${vocabulary[next(vocabulary.length)]}`
    return word ?? [plain, plain]
  })
  return { source: words.map(([word]) => word).join(' '), expected: words.map(([, word]) => word).join(' ') }
}

/** Makes a block of lines: its first lines, and a line for each text. */
function inLines(first: string, line: (text: string, index: number) => string, wordsPerLine = 8): Make {
  return (size, next) => {
    const source = [first]
    const expected = [first]
    for (let length = first.length, index = 0; length < size || index === 0; index += 1) {
      const words = makeWords(1 + next(wordsPerLine), next)
      source.push(line(words.source, index))
      expected.push(line(words.expected, index))
      length += words.source.length + 8
    }
    const join = (lines: readonly string[]): string => lines.filter((one) => one !== '').join('\n')
    return { source: join(source), expected: join(expected) }
  }
}

const kinds: Readonly<Record<string, Make>> = {
  table: inLines('| Name | Value |\n|---|:-:|', (text, index) => `| ${index} | ${text} |`),
  'table without outer pipes': inLines('Name | Value\n--- | ---', (text, index) => `${index} | ${text}`),
  'table in a quotation': inLines('> | Name | Value |\n> |---|---|', (text, index) => `> | ${index} | ${text} |`),
  list: inLines('', (text, index) => `${index % 3 === 1 ? '  ' : ''}- ${text}`),
  'numbered list': inLines('', (text, index) => `${index + 1}. ${text}`),
  'item of many paragraphs': inLines('- first', (text) => `\n  ${text}`),
  paragraph: inLines('', (text) => `so ${text}`),
  'paragraph with line breaks': inLines('', (text) => `so ${text}\\`),
  'paragraph on one line': (size, next) => makeWords(Math.ceil(size / 8), next),
  quotation: inLines('', (text) => `> so ${text}`),
  'quotation of many paragraphs': inLines('', (text) => `> so ${text}\n>`),
  'quotation with a list': inLines('', (text) => `> - ${text}`),
  'fenced code': inLines('```', (_, index) => `# code ${index}`),
}
const makeBlock = (kind: string, size: number, seed: number): Block => {
  let state = seed
  const next = (n: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  const block = kinds[kind]?.(size, next) ?? { source: '', expected: '' }
  const end = kind === 'fenced code' ? '\n```' : ''
  return { source: block.source + end, expected: block.expected + end }
}

/** Splitting a paragraph adds white space and signs of quotations, and drops backslashes at line ends. */
const comparable = (text: string): string => text.replace(/[\s>]|\\$/gm, '')

const readBody = (text: string): string => {
  const { sections } = readStructure({ text: `# T\n\n${text}`, format: 'MARKDOWN' })
  return sections.map(({ body }) => body).join('\n\n')
}

/** The leaves of a document as the parser sees them: rows, items, code and text blocks. */
function shapeOf(node: Nodes): string[] {
  if (node.type === 'tableRow' || node.type === 'code') return [node.type]
  if (node.type === 'paragraph') return []
  const own = node.type === 'listItem' ? ['listItem'] : []
  return 'children' in node ? [...own, ...node.children.flatMap(shapeOf)] : own
}

/** Sizes from 1 B, each order of magnitude equally likely. */
const size = (maxPower: number) =>
  fc.double({ min: 0, max: maxPower, noNaN: true }).map((power) => Math.floor(2 ** power))
const documents = (maxPower: number) =>
  fc.array(fc.record({ kind: fc.constantFrom(...Object.keys(kinds)), size: size(maxPower), seed: fc.nat() }), {
    minLength: 1,
    maxLength: 4,
  })

/** More and larger with `FC_RUNS=100 FC_POWER=20 vitest run test/long/documents/large.test.ts`. */
const runs = Number(process.env['FC_RUNS'] ?? 8)
const maxPower = Number(process.env['FC_POWER'] ?? 15)

/** Megabytes are compared around their first difference. */
function expectEqual(actual: string, expected: string): void {
  if (actual === expected) return
  let at = 0
  while (actual[at] === expected[at]) at += 1
  expect(actual.slice(at - 40, at + 40)).toBe(expected.slice(at - 40, at + 40))
}

function checkBlocks(blocks: readonly Block[]): void {
  const source = blocks.map((block) => block.source).join('\n\n<!-- -->\n\n')
  const expected = blocks.map((block) => block.expected).join('\n\n')
  const body = readBody(source)
  expectEqual(comparable(body), comparable(expected))
  // A split paragraph grows by an empty line.
  expect(body.length).toBeLessThan(expected.length * 1.01 + 100)
  expect(shapeOf(parseMarkdown(body))).toEqual(shapeOf(parseMarkdown(expected)))
}

describe('a document with large blocks', () => {
  test.each(Object.keys(kinds))('keeps its text and its structure: %s of 24 KB', (kind) => {
    checkBlocks([makeBlock(kind, 24_000, 7), makeBlock('paragraph', 10, 1)])
  })

  test('keeps its text and its structure, whatever the sizes of its blocks', () => {
    fc.assert(
      fc.property(documents(maxPower), (blocks) => {
        checkBlocks(blocks.map(({ kind, size: length, seed }) => makeBlock(kind, length, seed)))
      }),
      { numRuns: runs },
    )
  })

  test('is parsed in windows of bounded size, however large its tables, lists and quotations are', () => {
    for (const kind of [
      'table',
      'table in a quotation',
      'list',
      'numbered list',
      'quotation',
      'paragraph on one line',
    ]) {
      let start = 0
      let largest = 0
      for (const { done } of parseInWindows(makeBlock(kind, 40_000, 3).source)) {
        largest = Math.max(largest, done - start)
        start = done
      }
      expect(largest).toBeLessThan(20_000)
    }
  })
})

describe('a shortened heading', () => {
  test('is followed by its whole text', () => {
    const long = `The *oven* ${'is hot '.repeat(60)}today`
    const { sections } = readStructure({
      text: `# T\n\n${long}\n---\n\nBody.\n\n## ${long} ##\n\nMore.`,
      format: 'MARKDOWN',
    })
    expect(sections.map(({ heading }) => heading.length <= 200)).toEqual([true, true, true])
    expect(sections.map(({ body }) => body)).toEqual(['', `${long}\n\nBody.`, `${long}\n\nMore.`])
  })
})
