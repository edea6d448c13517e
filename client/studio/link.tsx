import type { MouseEvent, ReactElement, ReactNode } from 'react'
import { hrefOf, type Route, useRoute } from './use-route.ts'

/** A link within the Studio: a real one, which opens in another tab when asked to. */
export function Link(props: {
  readonly to: Partial<Route>
  readonly className?: string
  /** Whether it leads to what is looked at, or to where that belongs; `page` when it is that very page. */
  readonly isCurrent?: boolean | 'page'
  readonly label?: string
  /** Called when it is followed here, and not in another tab. */
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
