// @vitest-environment happy-dom
import { cleanup, render, screen } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { Markdown } from '../../../client/studio/markdown.tsx'

afterEach(cleanup)

test('what a document brings along is shown, not run, and nothing is loaded from elsewhere', () => {
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

test('the answers of a quiz are folded away, once the quiz is all there', () => {
  const text = '# Quiz: Owls\n\n## 1. What?\n\n- A. This\n\n## Answers\n\n1. **A. This**\n'
  const { container, rerender } = render(<Markdown text={text} isGrowing={false} />)
  expect(container.querySelector('details')?.textContent).toContain('A. This')
  expect(screen.getByText('Show the answers')).toBeDefined()
  rerender(<Markdown text={text} isGrowing />)
  expect(container.querySelector('details')).toBeNull()
})

test('the title of a text, which the page shows already, is left out', () => {
  const { container } = render(<Markdown text={'# Owls\n\nThey fly.\n'} isGrowing={false} />)
  expect(container.textContent?.trim()).toBe('They fly.')
})
