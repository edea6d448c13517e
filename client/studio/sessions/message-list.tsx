import { Fragment, type ReactElement, type ReactNode, useEffect, useRef, useState } from 'react'
import type { SessionCard, SessionMessage } from '../../apps/sessions/session-state.ts'
import type { UnsentMessage } from '../../apps/sessions/unsent.ts'
import type { LiveSession } from '../../apps/sessions/use-session.ts'
import { Refusal } from '../parts/refusal.tsx'
import { type AnnouncedState, findAnnouncements } from './announcements.ts'
import { MessageView, UnsentView } from './message-view.tsx'
import type { Earlier } from './use-earlier.ts'
import type { ReadPosition } from './use-read-position.ts'
import { useScroll } from './use-scroll.ts'

/** The conversation, with a marker before new messages, and the unsent messages. */
export function MessageList(props: {
  readonly earlier: Earlier
  readonly unsent: readonly UnsentMessage[]
  readonly cards: readonly SessionCard[]
  readonly me: string | null
  readonly seen: ReadPosition
  readonly discard: LiveSession['discard']
  readonly send: LiveSession['send']
  readonly children: ReactNode
}): ReactElement {
  const { earlier, unsent, cards, me, seen, discard, send, children } = props
  const { messages } = earlier
  const { newAfter } = seen
  const { box, isAway, toEnd, scrolled, hold } = useScroll(messages, unsent, seen.markRead)
  const fresh =
    newAfter === null ? [] : messages.filter((message) => message.position > newAfter && message.author !== me)
  const askers = new Map(messages.map(({ id, author }) => [id, author]))
  const isMine = ({ replyTo }: SessionMessage): boolean => replyTo !== null && me !== null && askers.get(replyTo) === me
  return (
    <div className="conversation">
      <section
        className="conversation-scroll"
        ref={box}
        onScroll={scrolled}
        aria-label="Conversation"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
        tabIndex={0}
      >
        {earlier.hasEarlier ? (
          <button
            type="button"
            className="quiet earlier"
            disabled={earlier.isLoading}
            onClick={() => {
              hold()
              earlier.load()
            }}
          >
            Earlier messages
          </button>
        ) : null}
        <Refusal text={earlier.failure} />
        {messages.length === 0 && unsent.length === 0 ? children : null}
        <ol className="messages">
          {messages.map((message) => (
            <Fragment key={message.id}>
              {message === fresh[0] ? (
                <li className="new-mark" data-mark="new">
                  <span>New messages</span>
                </li>
              ) : null}
              <MessageView message={message} me={me} cards={cards} isOwnReply={isMine(message)} />
            </Fragment>
          ))}
          {unsent.map((message) => (
            <UnsentView
              key={message.clientId}
              message={message}
              onDiscard={() => discard(message.clientId)}
              onSendAgain={() => {
                discard(message.clientId)
                send(message.text, { wantsReply: message.wantsReply })
              }}
            />
          ))}
        </ol>
      </section>
      <Announcer messages={messages} me={me} />
      {isAway ? (
        <button type="button" className="to-end" onClick={toEnd}>
          {fresh.length > 0 ? `${fresh.length} new` : 'Latest'} <span aria-hidden="true">↓</span>
        </button>
      ) : null}
    </div>
  )
}

/** The number of announcements kept, so that a screen reader has enough time to reach each. */
const maxKept = 4

/**
 * Announces the events of a conversation to screen readers; the conversation itself is not a live
 * region. See `hear`.
 */
function Announcer(props: { readonly messages: readonly SessionMessage[]; readonly me: string | null }): ReactElement {
  const { messages, me } = props
  const previous = useRef<AnnouncedState | null>(null)
  const [lines, setLines] = useState<readonly { readonly key: number; readonly text: string }[]>([])
  const count = useRef(0)
  useEffect(() => {
    // The viewer may not be known yet, and the viewer's own messages are not announced.
    const next = findAnnouncements(me === null ? null : previous.current, messages, me)
    previous.current = next.state
    if (next.announcements.length === 0) return
    const entries = next.announcements.map((text) => ({ key: ++count.current, text }))
    setLines((before) => [...before, ...entries].slice(-maxKept))
  }, [messages, me])
  return (
    <div className="tidings-hidden" role="log" aria-label="Latest messages">
      {lines.map(({ key, text }) => (
        <p key={key}>{text}</p>
      ))}
    </div>
  )
}
