import { memo, type ReactElement, useEffect, useId, useState } from 'react'
import { useQuery } from 'urql'
import { NavViewerDocument } from '../../gql/graphql.ts'
import { Link } from '../parts/link.tsx'
import { hrefOf, type Route, useRoute } from './use-route.ts'

interface PageLink {
  readonly title: string
  readonly to: Partial<Route>
  /** Shown to administrators only; the server refuses everyone else in any case. */
  readonly isForAdmins?: true
}

/** The pages that list or summarize, in the order of the links. */
const pages: readonly PageLink[] = [
  { title: 'Home', to: {} },
  { title: 'Documents', to: { page: 'documents' } },
  { title: 'Projects', to: { page: 'projects' } },
  { title: 'Sessions', to: { page: 'sessions' } },
  { title: 'Tasks', to: { page: 'tasks' } },
  { title: 'Analytics', to: { page: 'analytics' } },
  { title: 'Connections', to: { page: 'connections' }, isForAdmins: true },
]

/** The links to the pages. Memoized: the header around it renders with every event of a task. */
export const Nav = memo(function Nav(): ReactElement {
  const { route } = useRoute()
  const [{ data }] = useQuery({ query: NavViewerDocument })
  const isAdmin = data?.viewer?.roles.includes('admin') === true
  const currentPath = hrefOf(route)
  const group = hrefOf(groupOf(route))
  const id = useId()
  const [isOpen, setOpen] = useState(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: closed when another page is opened, also by the back button
  useEffect(() => setOpen(false), [currentPath])
  return (
    <nav
      className="nav"
      aria-label="Pages"
      onKeyDown={(event) => {
        if (event.key === 'Escape') setOpen(false)
      }}
    >
      {/* On a phone the links do not fit beside each other: the style sheet shows this button there, and the links below it. */}
      <button
        type="button"
        className="quiet nav-button"
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setOpen(!isOpen)}
      >
        Menu
      </button>
      <div id={id} className="nav-links" data-open={isOpen}>
        {pages
          .filter(({ isForAdmins }) => isForAdmins !== true || isAdmin)
          .map(({ title, to }) => (
            <Link
              key={title}
              to={to}
              isCurrent={hrefOf(to) === currentPath ? 'page' : hrefOf(to) === group}
              onFollow={() => setOpen(false)}
            >
              {title}
            </Link>
          ))}
      </div>
    </nav>
  )
})

/** Returns the list page that an item belongs to. */
function groupOf({ documentId, projectId, sessionId, taskId, page }: Route): Partial<Route> {
  if (documentId !== null) return { page: 'documents' }
  if (projectId !== null) return { page: 'projects' }
  if (sessionId !== null) return { page: 'sessions' }
  if (taskId !== null) return { page: 'tasks' }
  return { page }
}
