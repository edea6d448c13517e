import type { ReactElement } from 'react'
import { type PreviewStatus, ProjectListDocument } from '../../gql/graphql.ts'
import { useConnection } from '../../react/index.ts'
import { Link } from '../parts/link.tsx'
import { PreviewBadge } from '../projects/preview-badge.tsx'
import { usePreview } from '../projects/use-preview.ts'
import { useFetched } from '../use-fetched.ts'

const maxShown = 4

/** The newest projects with their live previews. */
export function PanelPreviews(): ReactElement {
  const { data, isLoading, failure } = useFetched(ProjectListDocument, {})
  // Watched only on a WebSocket, which carries any number of subscriptions. On event streams, more
  // important subscriptions have priority, and the status comes from the fetched list.
  const isWatched = useConnection().transport === 'websocket'
  const projects = data?.projects.nodes.slice(0, maxShown) ?? []
  if (data === undefined) return <p className="note">{failure ?? (isLoading ? 'Loading …' : '')}</p>
  if (projects.length === 0) return <p className="note">No projects yet.</p>
  return (
    <ul className="panel-previews">
      {projects.map(({ id, title, preview }) => (
        <li key={id}>
          <Link to={{ projectId: id }}>{title}</Link>
          {isWatched ? <LiveBadge id={id} status={preview.status} /> : <PreviewBadge status={preview.status} />}
        </li>
      ))}
    </ul>
  )
}

function LiveBadge({ id, status }: { readonly id: string; readonly status: PreviewStatus }): ReactElement {
  const { preview } = usePreview(id)
  return <PreviewBadge status={preview?.status ?? status} />
}
