import { type ReactElement, type RefObject, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { readTitle } from './use-title.ts'

/**
 * Makes navigation behave as when a browser loads a page: the focus moves to the start of the new
 * content, and screen readers announce its title as soon as it has one.
 *
 * @param props.place - identifies the shown page; a change of it counts as navigation
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
  // The browser itself announces the first page.
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
