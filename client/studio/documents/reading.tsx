import { lazy, memo, type ReactElement, Suspense, useEffect, useRef, useState } from 'react'
import { goToNamedSection, sectionId } from './places.ts'
import type { ReadDocument } from './use-document.ts'

const Markdown = lazy(() => import('../parts/markdown.tsx').then(({ Markdown: component }) => ({ default: component })))

type Section = ReadDocument['sections'][number]
type Page = ReadDocument['pages'][number]

/**
 * The length in characters above which sections are rendered only where they are visible: rendering
 * all would take seconds.
 */
const maxEagerCharacters = 150_000

/** The table of contents; renders nothing where there is only one heading. */
export function Contents({ document: { sections, pages } }: { readonly document: ReadDocument }): ReactElement | null {
  const isWide = useRef(window.matchMedia('(min-width: 60rem)').matches)
  if (sections.length < 2) return null
  const top = sections.reduce((least, { level }) => Math.min(least, level), 6)
  const labels = new Map(pages.map(({ number, label }) => [number, label]))
  return (
    <nav className="contents" aria-label="Contents">
      <details open={isWide.current}>
        <summary>Contents</summary>
        <ol>
          {sections.map(({ key, heading, level, page }) => (
            <li key={key} data-depth={Math.min(3, level - top)}>
              <a href={`#${encodeURIComponent(sectionId(key))}`}>{heading}</a>
              {page === null ? null : (
                <span className="note" aria-hidden="true">
                  {labels.get(page) ?? page}
                </span>
              )}
            </li>
          ))}
        </ol>
      </details>
    </nav>
  )
}

/** The text, section by section, with markers where pages begin. */
export function Text({ document: { sections, pages } }: { readonly document: ReadDocument }): ReactElement {
  const isEager = sections.reduce((sum, { body }) => sum + body.length, 0) <= maxEagerCharacters
  const byKey = Map.groupBy(pages, ({ sectionKey }) => sectionKey)
  useEffect(() => {
    goToNamedSection()
  }, [])
  return (
    <article className="document-text">
      {sections.map((section) => (
        <SectionText key={section.key} section={section} pages={byKey.get(section.key) ?? noPages} isEager={isEager} />
      ))}
    </article>
  )
}

const noPages: readonly Page[] = []

const SectionText = memo(function SectionText(props: {
  readonly section: Section
  readonly pages: readonly Page[]
  readonly isEager: boolean
}): ReactElement {
  const { section, pages, isEager } = props
  const { key, heading, level, body } = section
  const element = useRef<HTMLElement>(null)
  const [isNear, setNear] = useState(isEager)
  useEffect(() => {
    if (isNear || element.current === null) return
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting === true && setNear(true), {
      rootMargin: '1500px',
    })
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [isNear])
  const Heading = headings[level - 1] ?? 'h6'
  // A page that begins with the section has its marker before the heading.
  const before = pages.filter(({ offset }) => offset === 0)
  return (
    <section
      ref={element}
      id={sectionId(key)}
      aria-label={heading}
      style={isNear ? undefined : { minHeight: `${Math.ceil(body.length / 90) * 1.8}rem` }}
    >
      {before.map((page) => (
        <PageMark key={page.number} page={page} />
      ))}
      <Heading>{heading}</Heading>
      {isNear ? (
        <Suspense fallback={<p className="note">Loading …</p>}>
          {splitAt(body, pages).map(({ text, page }, index) => (
            <div key={page?.number ?? `start ${index}`}>
              {page === null ? null : <PageMark page={page} />}
              {text.trim() === '' ? null : <Markdown text={text} isGrowing={false} />}
            </div>
          ))}
        </Suspense>
      ) : null}
    </section>
  )
})

const headings = ['h2', 'h3', 'h4', 'h5', 'h6', 'h6'] as const

function PageMark({ page: { number, label } }: { readonly page: Page }): ReactElement {
  return (
    <div className="page-mark" id={`page-${number}`}>
      <span>
        Page {label}
        {label === String(number) ? '' : ` (${number} of the file)`}
      </span>
    </div>
  )
}

interface Piece {
  readonly text: string
  /** The page that begins with this piece; null for the rest of the previous page. */
  readonly page: Page | null
}

/**
 * Splits a body into pieces, one for each page that begins within it. Pages begin at paragraph
 * boundaries.
 */
function splitAt(body: string, pages: readonly Page[]): readonly Piece[] {
  const within = pages.filter(({ offset }) => offset > 0)
  const first: Piece = { text: body.slice(0, within[0]?.offset), page: null }
  return [
    first,
    ...within.map((page, index): Piece => ({ text: body.slice(page.offset, within[index + 1]?.offset), page })),
  ]
}
