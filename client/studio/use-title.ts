import { useEffect } from 'react'

const studio = 'Tidings Studio'

/**
 * Names the page, in its tab and to screen readers.
 *
 * @param title - undefined while it is not known
 */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    document.title = title === undefined ? studio : `${title} – ${studio}`
    return () => {
      document.title = studio
    }
  }, [title])
}

/** The name of the page that is shown; null while it has none. */
export function readTitle(): string | null {
  return document.title === studio ? null : document.title
}
