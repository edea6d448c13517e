import type { ReactElement } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import remarkGfm from 'remark-gfm'

const plugins = [remarkGfm]
/**
 * Images from other sites would disclose to those sites which text is being read, so they are shown
 * as links.
 */
const components: Components = {
  img: ({ alt, src }) => (
    <a href={typeof src === 'string' ? src : undefined} rel="noreferrer noopener" target="_blank">
      {alt || 'Picture'}
    </a>
  ),
  a: ({ href, children }) => (
    <a href={href} rel="noreferrer noopener" target="_blank">
      {children}
    </a>
  ),
  table: ({ children }) => (
    <div className="table">
      <table>{children}</table>
    </div>
  ),
}
const answers = /^## Answers\s*$/m
const anyHeading = /^#{1,6}(?= )/gm
/** The title is already shown above the text. */
const ownTitle = /^\s*# .*\n+/

/** Components with headings shifted down by 0 to 4 levels. */
const movedBy = [0, 1, 2, 3, 4].map((by): Components => {
  const at = (level: number) => (['h1', 'h2', 'h3', 'h4', 'h5', 'h6'] as const)[level - 1 + by] ?? 'h6'
  return { ...components, h1: at(1), h2: at(2), h3: at(3), h4: at(4), h5: at(5), h6: at(6) }
})

/**
 * Renders Markdown. HTML in it is shown as text and links that run scripts are dropped, which are
 * react-markdown's defaults. The answers of a quiz are collapsed once the text is complete.
 *
 * @param props.level - the level of its highest headings, below those of the page. @default 3
 */
export function Markdown(props: {
  readonly text: string
  readonly isGrowing: boolean
  readonly level?: 2 | 3
}): ReactElement {
  const { text, isGrowing, level = 3 } = props
  const untitledText = text.replace(ownTitle, '')
  const at = isGrowing ? -1 : untitledText.search(answers)
  const highest = Math.min(...(untitledText.match(anyHeading) ?? ['#']).map(({ length }) => length))
  const movedComponents = movedBy[Math.max(0, level - highest)] ?? components
  const visible = at === -1 ? untitledText : untitledText.slice(0, at)
  return (
    <div className="prose" data-growing={isGrowing}>
      <ReactMarkdown remarkPlugins={plugins} components={movedComponents}>
        {visible}
      </ReactMarkdown>
      {at === -1 ? null : (
        <details>
          <summary>Show the answers</summary>
          <ReactMarkdown remarkPlugins={plugins} components={movedComponents}>
            {untitledText.slice(at).replace(answers, '')}
          </ReactMarkdown>
        </details>
      )}
    </div>
  )
}
