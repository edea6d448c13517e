import type { ReactElement } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import remarkGfm from 'remark-gfm'

const plugins = [remarkGfm]
/** The reader's own headings stand above those of a text; pictures from elsewhere would tell others who reads what. */
const components: Components = {
  h1: 'h3',
  h2: 'h4',
  h3: 'h5',
  h4: 'h6',
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
/** The title stands above the text already. */
const ownTitle = /^\s*# .*\n+/

/**
 * A text as it is to be read. HTML in it is shown as text and links that run scripts are dropped, which are react-markdown's
 * defaults. The answers of a quiz are folded away once all is there.
 */
export function Markdown({ text, isGrowing }: { readonly text: string; readonly isGrowing: boolean }): ReactElement {
  const untitled = text.replace(ownTitle, '')
  const at = isGrowing ? -1 : untitled.search(answers)
  const visible = at === -1 ? untitled : untitled.slice(0, at)
  return (
    <div className="prose" data-growing={isGrowing}>
      <ReactMarkdown remarkPlugins={plugins} components={components}>
        {visible}
      </ReactMarkdown>
      {at === -1 ? null : (
        <details>
          <summary>Show the answers</summary>
          <ReactMarkdown remarkPlugins={plugins} components={components}>
            {untitled.slice(at).replace(answers, '')}
          </ReactMarkdown>
        </details>
      )}
    </div>
  )
}
