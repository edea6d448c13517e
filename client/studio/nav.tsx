import { memo, type ReactElement, useEffect, useRef } from 'react'
import { useQuery } from 'urql'
import { NavViewerDocument } from '../gql/graphql.ts'
import { Link } from './link.tsx'
import { hrefOf, type Route, useRoute } from './use-route.ts'

interface PageLink {
  readonly title: string
  readonly to: Partial<Route>
  /** Shown to administrators only; the server refuses everyone else in any case. */
  readonly isForAdmins?: true
}

/** The pages that are not about one thing, in the order in which they are shown. */
const pages: readonly PageLink[] = [
  { title: 'Library', to: {} },
  { title: 'Documents', to: { page: 'documents' } },
  { title: 'Projects', to: { page: 'projects' } },
  { title: 'Sessions', to: { page: 'sessions' } },
  { title: 'Analytics', to: { page: 'analytics' } },
  { title: 'Connections', to: { page: 'connections' }, isForAdmins: true },
]

/** From page to page. Not rendered with every event of a task, as the header around it is. */
export const Nav = memo(function Nav(): ReactElement {
  const { route } = useRoute()
  const [{ data }] = useQuery({ query: NavViewerDocument })
  const isAdmin = data?.viewer?.roles.includes('admin') === true
  const here = hrefOf(route)
  const group = hrefOf(groupOf(route))
  const list = useRef<HTMLElement>(null)
  // On a phone not all of them fit, and the one that is looked at should be among those that do.
  // biome-ignore lint/correctness/useExhaustiveDependencies: with the roles the links change
  useEffect(() => {
    const link = list.current?.querySelector(`[href="${group}"]`)
    link?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [group, isAdmin])
  return (
    <nav className="nav" aria-label="Pages" ref={list}>
      {pages
        .filter(({ isForAdmins }) => isForAdmins !== true || isAdmin)
        .map(({ title, to }) => (
          <Link key={title} to={to} isCurrent={hrefOf(to) === here ? 'page' : hrefOf(to) === group}>
            {title}
          </Link>
        ))}
    </nav>
  )
})

/** The page of the list that something is found on. */
function groupOf({ documentId, projectId, sessionId, page }: Route): Partial<Route> {
  if (documentId !== null) return { page: 'documents' }
  if (projectId !== null) return { page: 'projects' }
  if (sessionId !== null) return { page: 'sessions' }
  return { page }
}
