import type { ReactElement } from 'react'
import ReactMarkdown from 'react-markdown'

/** A line of Markdown within a sentence or a label, without blocks, links or images. */
export function Inline({ text }: { readonly text: string }): ReactElement {
  return (
    <ReactMarkdown allowedElements={['code', 'strong', 'em']} unwrapDisallowed>
      {text}
    </ReactMarkdown>
  )
}
