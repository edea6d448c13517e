// @vitest-environment happy-dom
import { cleanup, render, screen } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { Markdown } from '../../../client/studio/parts/markdown.tsx'

afterEach(cleanup)

test('embedded HTML is shown, not run, and nothing is loaded from other hosts', () => {
  const text = [
    '# Title',
    '<script>window.stolen = true</script>',
    '<img src="x" onerror="window.stolen = true">',
    '[a link](javascript:alert(1)) and [another](https://example.org/)',
    '![a picture](https://example.org/tracker.png)',
  ].join('\n\n')
  const { container } = render(<Markdown text={text} isGrowing={false} />)
  expect(container.querySelector('script, img, [onerror]')).toBeNull()
  const targets = [...container.querySelectorAll('a')].map((link) => link.getAttribute('href'))
  expect(targets).toEqual(['', 'https://example.org/', 'https://example.org/tracker.png'])
  for (const link of container.querySelectorAll('a')) expect(link.getAttribute('rel')).toBe('noreferrer noopener')
})

test('the answers of a quiz are collapsed once the quiz is complete', () => {
  const text = '# Quiz: Owls\n\n## 1. What?\n\n- A. This\n\n## Answers\n\n1. **A. This**\n'
  const { container, rerender } = render(<Markdown text={text} isGrowing={false} />)
  expect(container.querySelector('details')?.textContent).toContain('A. This')
  expect(screen.getByText('Show the answers')).toBeDefined()
  rerender(<Markdown text={text} isGrowing />)
  expect(container.querySelector('details')).toBeNull()
})

test('the highest headings of a text are one level below those of the page, whatever their level', () => {
  const headings = (text: string, level?: 2): string[] => {
    const { container } = render(<Markdown text={text} isGrowing={false} {...(level === undefined ? {} : { level })} />)
    return [...container.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(
      ({ tagName, textContent }) => `${tagName} ${textContent}`,
    )
  }
  expect(headings('# Title\n\n## A\n\n### B\n')).toEqual(['H3 A', 'H4 B'])
  expect(headings('Text.\n\n# A\n\n#### B\n')).toEqual(['H3 A', 'H6 B'])
  expect(headings('Text.\n\n### A\n', 2)).toEqual(['H3 A'])
  expect(headings('Text.\n\n# A\n', 2)).toEqual(['H2 A'])
})

test('the title of a text, which the page shows already, is omitted', () => {
  const { container } = render(<Markdown text={'# Owls\n\nThey fly.\n'} isGrowing={false} />)
  expect(container.textContent?.trim()).toBe('They fly.')
})
