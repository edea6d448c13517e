import type { MouseEvent, ReactElement, ReactNode } from 'react'
import { hrefOf, type Route, useRoute } from '../shell/use-route.ts'

/** A link within the Studio: a real anchor, which can also be opened in another tab. */
export function Link(props: {
  readonly to: Partial<Route>
  readonly className?: string
  /**
   * Whether it leads to the current page or to its parent; `page` when it is the current page
   * itself.
   */
  readonly isCurrent?: boolean | 'page'
  readonly label?: string
  /** Called when it is followed in this tab, rather than in another one. */
  readonly onFollow?: () => void
  readonly children: ReactNode
}): ReactElement {
  const { to, className, isCurrent = false, label, onFollow, children } = props
  const { go } = useRoute()
  const follow = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return
    event.preventDefault()
    onFollow?.()
    go(to)
  }
  return (
    <a
      href={hrefOf(to)}
      className={className}
      aria-current={isCurrent === true ? 'true' : isCurrent || undefined}
      aria-label={label}
      onClick={follow}
    >
      {children}
    </a>
  )
}
