import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toPassages } from '../../../src/studio/documents/passages.ts'
import { renderInline } from '../../../src/studio/projects/generate/markdown-html.ts'
import { escapeMarkdown } from '../../../src/studio/text/text.ts'

/** Returns the text that a browser shows for an escaped text. */
const shown = (text: string): string =>
  renderInline(escapeMarkdown(text))
    .replace(/<[^>]*>/g, '')
    .replace(/&(amp|lt|gt|quot);/g, (_, name: string) => ({ amp: '&', lt: '<', gt: '>' })[name] ?? '"')

test.for([
  'See <https://example.org/a_b?c=1&d=2> for more',
  'See [https://example.org] for more',
  '`https://example.org`',
  'https://example.org>https://example.com',
  'Write to <ada@example.org>, or to (https://example.org).',
  'https://example.org/*/x|y~z is an address, *this* is not',
  'x https://example.org/a[_;_ x',
  'https://example.org/a__, and https://example.org/b!_c_',
])('%s is shown as it was written', (text) => expect(shown(text)).toBe(text))

test('an address before a special character links to itself', () => {
  for (const text of ['<https://example.org/a>', '[https://example.org/a]', '`https://example.org/a`'])
    expect(renderInline(escapeMarkdown(text))).toContain('<a href="https://example.org/a"')
})

test('addresses and special characters in any order are shown as they were written', () => {
  const piece = fc.constantFrom('https://example.org/a', ' ', 'word', ...'<>[]()*_`~|\\"\'&;#!'.split(''))
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
      const text = `x ${pieces.join('').replace(/\s+/g, ' ').trim()} x`
      expect(shown(text)).toBe(text)
    }),
    { numRuns: 2_000 },
  )
})

test('an escaped text is found by searches as it was written', () => {
  const body = escapeMarkdown('See <https://example.org/a> for more')
  const [passage] = toPassages({
    sections: [{ key: 'a', level: 1, heading: 'A', body, page: null, position: 0 }],
  } as never)
  expect(passage?.text).toBe('See <https://example.org/a> for more')
})

test('a letter that the writer of Markdown encoded beside an emphasis is found by searches', () => {
  const body = '_Turn my formatting&#x20;_&#x6F;ff &#x43E;н \\&#x20; &#x0;.'
  const [passage] = toPassages({
    sections: [{ key: 'a', level: 1, heading: 'A', body, page: null, position: 0 }],
  } as never)
  expect(passage?.text).toBe('Turn my formatting off он &#x20; .')
})
