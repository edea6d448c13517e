import {
  Fragment,
  type ReactElement,
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from 'react'
import type { UnsentMessage } from '../../react/unsent.ts'
import type { LiveSession } from '../../react/use-session.ts'
import type { SessionCard, SessionMessage } from '../../reduce/session-state.ts'
import { Announcer } from './announcer.tsx'
import { MessageView, UnsentView } from './message-view.tsx'
import type { Earlier } from './use-earlier.ts'
import type { Seen } from './use-seen.ts'

/** How near to the end counts as there, in pixels. */
const nearPx = 60

/** The conversation: it stays at its end while one is there, and where one reads otherwise. */
export function MessageList(props: {
  readonly earlier: Earlier
  readonly unsent: readonly UnsentMessage[]
  readonly cards: readonly SessionCard[]
  readonly me: string | null
  readonly seen: Seen
  readonly discard: LiveSession['discard']
  readonly send: LiveSession['send']
  readonly children: ReactNode
}): ReactElement {
  const { earlier, unsent, cards, me, seen, discard, send, children } = props
  const { messages } = earlier
  const box = useRef<HTMLElement>(null)
  const isAtEnd = useRef(true)
  const [isAway, setIsAway] = useState(false)
  const newest = messages.at(-1)?.position ?? 0
  const { saw, newAfter } = seen
  const firstNew = newAfter === null ? undefined : messages.find((one) => one.position > newAfter && one.author !== me)
  const newCount = newAfter === null ? 0 : messages.filter((one) => one.position > newAfter && one.author !== me).length

  const toEnd = useCallback(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [])
  const scrolled = (): void => {
    const element = box.current
    if (element === null) return
    isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < nearPx
    setIsAway(!isAtEnd.current)
    if (isAtEnd.current) saw(newest)
  }
  // First where one was: at what is new since then.
  const isPlaced = useRef(false)
  useLayoutEffect(() => {
    if (messages.length === 0 && unsent.length === 0) return
    const mark = box.current?.querySelector('[data-mark="new"]')
    if (!isPlaced.current && mark !== null && mark !== undefined) {
      mark.scrollIntoView({ block: 'start' })
      const element = box.current
      if (element !== null) isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < nearPx
      setIsAway(!isAtEnd.current)
    } else if (isAtEnd.current) toEnd()
    isPlaced.current = true
    if (isAtEnd.current) saw(newest)
  }, [messages, unsent, newest, toEnd, saw])
  // What is read back in must not move what is on the screen.
  const first = messages[0]?.position
  const heightBefore = useRef(0)
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || first === undefined) return
    if (heightBefore.current > 0) element.scrollTop += element.scrollHeight - heightBefore.current
    heightBefore.current = 0
  }, [first])
  useEffect(() => {
    const back = (): void => {
      if (document.visibilityState === 'visible' && isAtEnd.current) toEnd()
    }
    document.addEventListener('visibilitychange', back)
    return () => document.removeEventListener('visibilitychange', back)
  }, [toEnd])

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
              heightBefore.current = box.current?.scrollHeight ?? 0
              earlier.load()
            }}
          >
            Earlier messages
          </button>
        ) : null}
        {messages.length === 0 && unsent.length === 0 ? children : null}
        <ol className="messages">
          {messages.map((message) => (
            <Fragment key={message.id}>
              {message === firstNew ? (
                <li className="new-mark" data-mark="new">
                  <span>New since you were here</span>
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
          {newCount > 0 ? `${newCount} new` : 'To the end'} <span aria-hidden="true">↓</span>
        </button>
      ) : null}
    </div>
  )
}
