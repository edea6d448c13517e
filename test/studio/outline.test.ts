import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DocumentStructure } from '../../src/studio/documents/structure/structure.ts'
import { type Outline, type OutlineConcept, outlineRoadmap } from '../../src/studio/roadmaps/outline.ts'
import { splitMarkdown } from '../../src/studio/roadmaps/outline-split.ts'
import { countWords } from '../../src/studio/text/text.ts'
import { readStructure } from './read-structure.ts'

const structureOf = (text: string): DocumentStructure => readStructure({ text, format: 'MARKDOWN' })
const conceptsOf = (outline: Outline): OutlineConcept[] =>
  outline.stages.flatMap(({ modules }) => modules.flatMap(({ concepts }) => concepts))
const draw = (outline: Outline): string[] =>
  outline.stages.flatMap(({ title, modules }) => [
    title,
    ...modules.flatMap((module) => [`  ${module.title}`, ...module.concepts.map((concept) => `    ${concept.title}`)]),
  ])
const prose = (seed: string, words = 30): string => `${seed} ${'and so on '.repeat(words / 3)}.`
const document = (...headings: string[]): string =>
  headings.map((heading) => `${heading}\n\n${prose('Words')}`).join('\n\n')

describe('an outline', () => {
  const cases: readonly [name: string, text: string, drawn: readonly string[]][] = [
    [
      'four levels',
      document(
        '# T',
        '## S1',
        '### M1',
        '#### C1',
        '##### deep',
        '#### C2',
        '### M2',
        '#### C3',
        '## S2',
        '### M3',
        '#### C4',
      ),
      [
        'T',
        '  T',
        '    T',
        'S1',
        '  S1',
        '    S1',
        '  M1',
        '    M1',
        '    C1',
        '    C2',
        '  M2',
        '    M2',
        '    C3',
        'S2',
        '  S2',
        '    S2',
        '  M3',
        '    M3',
        '    C4',
      ],
    ],
    [
      'flat headings below a title',
      document('# T', '## A', '## B', '## C'),
      ['T', '  T', '    T', '    A', '    B', '    C'],
    ],
    ['flat headings without a title', document('## A', '## B'), ['A · B', '  A · B', '    A', '    B']],
    [
      'some headings with and some without more below',
      document('# A', '# B', '## B1', '# C'),
      ['A', '  A', '    A', 'B', '  B', '    B', '    B1', 'C', '  C', '    C'],
    ],
    ['a single section', document('# Only'), ['Only', '  Only', '    Only']],
    [
      'no heading',
      'Just a line of text here.',
      ['Just a line of text here.', '  Just a line of text here.', '    Just a line of text here.'],
    ],
    ['headings without text', '# T\n\n## A\n\n## B', ['T', '  T', '    T']],
    [
      'levels that skip',
      document('# T', '#### A', '## B', '##### C'),
      ['T', '  T', '    T', '    A', 'B', '  B', '    B', '    C'],
    ],
  ]
  test.each(cases)('of %s has stages, modules and concepts', (_, text, drawn) => {
    expect(draw(outlineRoadmap(structureOf(text)))).toEqual(drawn)
  })

  test('merges concepts of a few words into their neighbors, and keeps their text and links', () => {
    const outline = outlineRoadmap(
      structureOf(
        `# T\n\n## Contents\n\n- [A](#a)\n- [B](#b)\n\n## A\n\n${prose('a')}\n\n## Licence\n\n[MIT](LICENSE)`,
      ),
    )
    const [concept, ...others] = conceptsOf(outline)
    expect(others).toEqual([])
    expect(concept?.title).toBe('A')
    expect(concept?.sectionKeys).toEqual(['t', 'contents', 'a', 'licence'])
    expect(concept?.text).toContain('### Licence\n\n[MIT](LICENSE)')
    expect(concept?.links.map(({ url }) => url)).toEqual(['#a', '#b', 'LICENSE'])
  })

  test('divides a long concept between paragraphs, never inside code', () => {
    const code = `\`\`\`\n${'line of code\n\n'.repeat(100)}\`\`\``
    const text = `# Long\n\n${Array.from({ length: 60 }, (_, index) => prose(`Number ${index}`, 45)).join('\n\n')}\n\n${code}`
    const concepts = conceptsOf(outlineRoadmap(structureOf(text)))
    expect(concepts.map(({ title }) => title)).toEqual([
      'Long (1 of 4)',
      'Long (2 of 4)',
      'Long (3 of 4)',
      'Long (4 of 4)',
    ])
    expect(concepts.map((concept) => concept.text).join('\n\n')).toBe(text.slice('# Long\n\n'.length))
    expect(concepts.some((concept) => concept.text.includes(code))).toBe(true)
  })

  test('reports the sections omitted from a document with too many concepts', () => {
    const outline = outlineRoadmap(structureOf(document(...Array.from({ length: 250 }, (_, index) => `## H${index}`))))
    expect(conceptsOf(outline)).toHaveLength(200)
    expect(outline.leftOutKeys).toEqual(Array.from({ length: 50 }, (_, index) => `h${index + 200}`))
    expect(outline.notes).toEqual([
      'The document gives 250 concepts; the first 200 are in the roadmap, from "H200" on they are left out. Divide the document to have them all.',
    ])
  })

  test('of a real document is one a reader would recognize', () => {
    const drawn = draw(outlineRoadmap(structureOf(readFileSync('node_modules/ws/README.md', 'utf8'))))
    expect(drawn.slice(0, 3)).toEqual([
      'ws: a Node.js WebSocket library',
      '  ws: a Node.js WebSocket library',
      '    ws: a Node.js WebSocket library',
    ])
    expect(drawn).toContain('Usage examples')
    expect(drawn).toContain('    Server broadcast')
    expect(drawn).not.toContain('    Table of Contents')
  })
})

const section = fc.record({
  level: fc.integer({ min: 1, max: 6 }),
  heading: fc.stringMatching(/^[A-Z][a-z]{0,8}$/),
  words: fc.constantFrom(0, 3, 10, 25, 60, 400, 1_500, 3_000),
})
const structures = fc.array(section, { minLength: 1, maxLength: 60 }).map((sections): DocumentStructure => {
  const made = sections.map(({ level, heading, words }, position) => ({
    key: `k${position}`,
    level: level as 1 | 2 | 3 | 4 | 5 | 6,
    heading,
    position,
    body: Array.from({ length: words }, (_, index) => `w${position}x${index}${index % 40 === 39 ? '\n\n' : ''}`)
      .join(' ')
      .trim(),
  }))
  return { title: 'Any', sections: made, links: [], wordCount: 1, notes: [] }
})

describe('any outline', () => {
  test('has every section exactly once and in order, except the parts of a divided one', () => {
    fc.assert(
      fc.property(structures, (structure) => {
        const outline = outlineRoadmap(structure)
        const keys = conceptsOf(outline).flatMap((concept, index, all) =>
          // The parts of a divided concept are consecutive and name the same sections.
          all[index - 1]?.sectionKeys.join() === concept.sectionKeys.join() ? [] : concept.sectionKeys,
        )
        expect([...keys, ...outline.leftOutKeys]).toEqual(structure.sections.map(({ key }) => key))
      }),
    )
  })

  test('keeps all words, each once and in order', () => {
    fc.assert(
      fc.property(structures, (structure) => {
        const outline = outlineRoadmap(structure)
        fc.pre(outline.leftOutKeys.length === 0)
        const wordsIn = (text: string): string[] => text.match(/w\d+x\d+/g) ?? []
        expect(conceptsOf(outline).flatMap(({ text }) => wordsIn(text))).toEqual(
          structure.sections.flatMap(({ body }) => wordsIn(body)),
        )
      }),
    )
  })

  test('has at least one concept, none empty, none without a title, none over the size', () => {
    fc.assert(
      fc.property(structures, (structure) => {
        const outline = outlineRoadmap(structure)
        expect(conceptsOf(outline).length).toBeGreaterThan(0)
        for (const { modules, title } of outline.stages) {
          expect(title).not.toBe('')
          expect(modules.length).toBeGreaterThan(0)
          for (const module of modules) {
            expect(module.title).not.toBe('')
            expect(module.concepts.length).toBeGreaterThan(0)
            for (const concept of module.concepts) {
              expect(concept.title).not.toBe('')
              expect(concept.text).not.toBe('')
              expect(countWords(concept.text)).toBeLessThan(1_600)
            }
          }
        }
      }),
    )
  })

  test('is the same for the same structure', () => {
    fc.assert(
      fc.property(structures, (structure) => {
        expect(outlineRoadmap(structuredClone(structure))).toEqual(outlineRoadmap(structure))
      }),
      { numRuns: 20 },
    )
  })
})

describe('divided Markdown', () => {
  test('is identical when joined again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a b c\n', '\n', '- x\n', '  y\n', '```\n', '~~~~\n', '# h\n', '    code\n')),
        (lines) => {
          const text = lines.join('')
          expect(splitMarkdown(text, 5).join('').replace(/\s+/g, '')).toBe(text.replace(/\s+/g, ''))
        },
      ),
    )
  })

  test('is cut between words for a line of many pages', () => {
    const parts = splitMarkdown('some words '.repeat(4_000), 1_000)
    expect(parts.length).toBeGreaterThan(4)
    expect(parts.every((part) => /^(some|words)\b.*\b(some|words)$/.test(part))).toBe(true)
  })
})
