import type { ReactElement } from 'react'
import ReactMarkdown from 'react-markdown'

/** A line of Markdown within a sentence or a label: no blocks, no links, no pictures. */
export function Inline({ text }: { readonly text: string }): ReactElement {
  return (
    <ReactMarkdown allowedElements={['code', 'strong', 'em']} unwrapDisallowed>
      {text}
    </ReactMarkdown>
  )
}
