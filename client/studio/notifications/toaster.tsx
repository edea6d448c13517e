import { type KeyboardEvent, type ReactElement, useEffect, useRef, useState } from 'react'
import type { InboxEntry } from '../../apps/notifications/reduce-inbox.ts'
import { EntryTitle } from './entry.tsx'
import { LevelSign } from './level-sign.tsx'
import { usePageVisible, useToasts } from './use-toasts.ts'

/** How long a toast that is not an error is shown. */
const staysMs = 8_000
const maxShown = 3

/**
 * Shows arriving notifications on every page. A toast clears itself after some seconds without
 * pointer or focus on it; errors remain until they are dismissed. Screen readers announce them
 * politely, and errors at once.
 */
export function Toaster(): ReactElement {
  const { toasts, clear, dismiss } = useToasts()
  const [isHeld, setHeld] = useState(false)
  const isVisible = usePageVisible()
  const region = useRef<HTMLElement>(null)
  // Errors do not wait behind toasts that clear themselves.
  const errors = toasts.filter(({ level }) => level === 'ERROR').slice(-maxShown)
  const otherToasts = toasts.filter(({ level }) => level !== 'ERROR').slice(0, Math.max(1, maxShown - errors.length))
  const hiddenCount = toasts.length - errors.length - otherToasts.length
  const isEmpty = toasts.length === 0
  // An element that was removed fires no leave event, so an empty list resets the hold.
  useEffect(() => {
    if (isEmpty) setHeld(false)
  }, [isEmpty])

  const dismissWith = (id: string): void => {
    const hadFocus = region.current?.contains(document.activeElement) === true
    dismiss(id)
    if (hadFocus) requestAnimationFrame(() => focusNext(region.current))
  }
  const show = (entry: InboxEntry): ReactElement => (
    <Toast
      key={entry.id}
      entry={entry}
      isHeld={isHeld || !isVisible}
      onClear={() => clear(entry.id)}
      onDismiss={() => dismissWith(entry.id)}
    />
  )
  return (
    <section
      ref={region}
      className="toasts"
      aria-label="New notifications"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={({ currentTarget, relatedTarget }) => setHeld(currentTarget.contains(relatedTarget))}
    >
      {/* An alert is announced when it is inserted; a polite announcement needs a live region that existed before. */}
      {errors.length === 0 ? null : (
        <div role="alert" aria-atomic="false">
          {errors.map(show)}
        </div>
      )}
      <div role="status" aria-atomic="false">
        {otherToasts.map(show)}
        {hiddenCount > 0 ? <p className="toast toast-more">{hiddenCount} more in your inbox</p> : null}
      </div>
    </section>
  )
}

function Toast(props: {
  readonly entry: InboxEntry
  readonly isHeld: boolean
  readonly onClear: () => void
  readonly onDismiss: () => void
}): ReactElement {
  const { entry, isHeld, onClear, onDismiss } = props
  const { level, title, message } = entry
  const leftMs = useRef(staysMs)
  const clear = useRef(onClear)
  useEffect(() => {
    clear.current = onClear
  })
  useEffect(() => {
    if (isHeld || level === 'ERROR') return
    const startedAt = performance.now()
    const timer = setTimeout(() => clear.current(), leftMs.current)
    return () => {
      clearTimeout(timer)
      leftMs.current -= performance.now() - startedAt
    }
  }, [isHeld, level])
  const onKeyDown = ({ key }: KeyboardEvent): void => {
    if (key === 'Escape') onDismiss()
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape is a shortcut for the button inside
    <div className="toast" data-level={level} onKeyDown={onKeyDown}>
      <LevelSign level={level} />
      <div className="entry-text">
        <p>
          <EntryTitle entry={entry} onFollow={onDismiss} />
        </p>
        {message === null ? null : <p className="entry-message">{message}</p>}
      </div>
      <button type="button" className="quiet toast-close" aria-label={`Dismiss: ${title}`} onClick={onDismiss}>
        <svg aria-hidden="true" viewBox="0 0 16 16" width="16" height="16">
          <path d="m4 4 8 8m0-8-8 8" />
        </svg>
      </button>
    </div>
  )
}

/** Keeps the keyboard focus in the list as long as it has entries. */
function focusNext(region: HTMLElement | null): void {
  const next = region?.querySelector('button') ?? document.getElementById('main')
  next?.focus()
}
