import { type KeyboardEvent, type ReactElement, useId, useRef, useState } from 'react'
import { useTyping } from './use-typing.ts'

/** The message input. Enter sends, Shift+Enter starts a new line. */
export function Composer(props: {
  readonly sessionId: string
  readonly typing: readonly string[]
  readonly onSend: (text: string, options: { readonly wantsReply: boolean }) => void
}): ReactElement {
  const { sessionId, typing, onSend } = props
  const [text, setText] = useState('')
  const [wantsReply, setWantsReply] = useState(true)
  const { typed, stopped } = useTyping(sessionId)
  const field = useRef<HTMLTextAreaElement>(null)
  const hint = useId()
  const send = (): void => {
    if (text.trim() === '') return
    onSend(text.trim(), { wantsReply })
    setText('')
    stopped()
  }
  const sendOnEnter = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
        // The button is disabled once the input is empty, so the focus moves back to the input.
        field.current?.focus()
      }}
    >
      <p className="typing note" role="status">
        {describeTyping(typing)}
      </p>
      <div className="composer-row">
        <textarea
          ref={field}
          aria-label="Message"
          aria-describedby={hint}
          placeholder="Write a message"
          rows={Math.min(6, text.split('\n').length)}
          maxLength={10_000}
          value={text}
          onChange={({ target: { value } }) => {
            setText(value)
            if (value === '') stopped()
            else typed()
          }}
          onBlur={stopped}
          onKeyDown={sendOnEnter}
        />
        <span id={hint} hidden>
          Enter sends, Shift and Enter begin a new line.
        </span>
        <button type="submit" className="primary" disabled={text.trim() === ''}>
          Send
        </button>
      </div>
      <label className="wants-reply note">
        <input type="checkbox" checked={wantsReply} onChange={({ target }) => setWantsReply(target.checked)} />
        With an answer from the cards
      </label>
    </form>
  )
}

/** Describes the users that are typing. */
function describeTyping(typing: readonly string[]): string {
  const [first, second] = typing
  if (first === undefined) return ''
  if (second === undefined) return `${first} is typing …`
  return typing.length === 2 ? `${first} and ${second} are typing …` : 'Several people are typing …'
}
