import { type ReactElement, useEffect, useRef, useState } from 'react'
import type { SessionMessage } from '../../apps/sessions/session-state.ts'
import { type Heard, hear } from './hear.ts'

/** The number of announcements kept, so that a screen reader has enough time to reach each. */
const maxKept = 4

/**
 * Announces the events of a conversation to screen readers; the conversation itself is not a live
 * region. See `hear`.
 */
export function Announcer(props: {
  readonly messages: readonly SessionMessage[]
  readonly me: string | null
}): ReactElement {
  const { messages, me } = props
  const previous = useRef<Heard | null>(null)
  const [lines, setLines] = useState<readonly { readonly key: number; readonly text: string }[]>([])
  const count = useRef(0)
  useEffect(() => {
    // The viewer may not be known yet, and the viewer's own messages are not announced.
    const next = hear(me === null ? null : previous.current, messages, me)
    previous.current = next.heard
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
