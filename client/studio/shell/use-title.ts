import { useEffect } from 'react'

const studio = 'Tidings Studio'

/**
 * Sets the title of the page, for its tab and for screen readers.
 *
 * @param title - undefined while it is unknown
 */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    document.title = title === undefined ? studio : `${title} – ${studio}`
    return () => {
      document.title = studio
    }
  }, [title])
}

/** Returns the title of the current page; null while it has none. */
export function readTitle(): string | null {
  return document.title === studio ? null : document.title
}
