import { type ReactElement, useEffect, useRef, useState } from 'react'
import type { SessionMessage } from '../../reduce/session-state.ts'
import { type Heard, hear } from './hear.ts'

/** The last announcement stays as long as a screen reader may need to get to it. */
const maxKept = 4

/** Tells screen readers what happens in a conversation, which itself is silent: see `hear`. */
export function Announcer(props: {
  readonly messages: readonly SessionMessage[]
  readonly me: string | null
}): ReactElement {
  const { messages, me } = props
  const heard = useRef<Heard | null>(null)
  const [lines, setLines] = useState<readonly { readonly key: number; readonly text: string }[]>([])
  const count = useRef(0)
  useEffect(() => {
    // Who one is may not be known yet, and one's own words are not news.
    const next = hear(me === null ? null : heard.current, messages, me)
    heard.current = next.heard
    if (next.said.length === 0) return
    const added = next.said.map((text) => ({ key: ++count.current, text }))
    setLines((before) => [...before, ...added].slice(-maxKept))
  }, [messages, me])
  return (
    <div className="tidings-hidden" role="log" aria-label="Latest messages">
      {lines.map(({ key, text }) => (
        <p key={key}>{text}</p>
      ))}
    </div>
  )
}
