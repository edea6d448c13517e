import { type ReactElement, type RefObject, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { readTitle } from './use-title.ts'

/**
 * Makes a change of pages what it is when a browser loads one: the focus is at the beginning of what is new, and screen readers are
 * told its name, as soon as it has one.
 *
 * @param props.place - what is shown; going from one to another is a change of pages
 */
export function Arrival(props: { readonly place: string; readonly main: RefObject<HTMLElement | null> }): ReactElement {
  const { place, main } = props
  const last = useRef(place)
  const [hasMoved, setMoved] = useState(false)
  const title = useSyncExternalStore(subscribeToTitle, readTitle)
  useEffect(() => {
    if (place === last.current) return
    last.current = place
    setMoved(true)
    main.current?.focus({ preventScroll: true })
  }, [place, main])
  // The first page is announced by the browser itself.
  return (
    <p className="tidings-hidden" role="status">
      {hasMoved ? title : null}
    </p>
  )
}

function subscribeToTitle(listener: () => void): () => void {
  const observer = new MutationObserver(listener)
  const element = document.querySelector('title')
  if (element !== null) observer.observe(element, { childList: true })
  return () => observer.disconnect()
}
