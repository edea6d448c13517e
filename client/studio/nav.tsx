import type { ReactElement } from 'react'
import { Link } from './link.tsx'
import { hrefOf, type Route, useRoute } from './use-route.ts'

/** The pages that are not about one thing, in the order in which they are shown. */
const pages: readonly { readonly title: string; readonly to: Partial<Route> }[] = [
  { title: 'Library', to: {} },
  { title: 'Analytics', to: { page: 'analytics' } },
]

/** From page to page. */
export function Nav(): ReactElement {
  const { route } = useRoute()
  const here = hrefOf(route)
  return (
    <nav className="nav" aria-label="Pages">
      {pages.map(({ title, to }) => (
        <Link key={title} to={to} isCurrent={hrefOf(to) === here}>
          {title}
        </Link>
      ))}
    </nav>
  )
}
