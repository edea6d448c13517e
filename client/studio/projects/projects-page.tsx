import { type ReactElement, useCallback } from 'react'
import { useQuery } from 'urql'
import { ProjectListDocument, type ProjectSummaryFieldsFragment } from '../../gql/graphql.ts'
import { useTask } from '../../react/use-task.ts'
import { describeError } from '../../react/words.ts'
import { Link } from '../link.tsx'
import { TokenForm } from '../token-form.tsx'
import { useTitle } from '../use-title.ts'
import { useWhenBack } from '../use-when-back.ts'
import { NewProject } from './new-project.tsx'
import { PreviewBadge } from './preview-badge.tsx'
import { templateWords } from './words.ts'

const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })

/** All projects, and how another one is made. */
export function ProjectsPage(): ReactElement {
  useTitle('Projects')
  const [{ data, fetching, error }, execute] = useQuery({
    query: ProjectListDocument,
    requestPolicy: 'cache-and-network',
  })
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useWhenBack(refetch)
  const isRefused = error?.graphQLErrors.some(({ extensions }) => extensions['code'] === 'UNAUTHENTICATED') === true
  if (isRefused || data?.viewer === null) return <TokenForm />
  const projects = data?.projects.nodes ?? []
  return (
    <div className="home projects">
      <div className="hero">
        <h1>Small pages from what you read.</h1>
        <p>Cards, a quiz or a page to read: written before your eyes, yours to change, shown at once.</p>
      </div>
      <NewProject />
      <section aria-labelledby="projects">
        <h2 id="projects">Projects</h2>
        {error !== undefined && data === undefined ? (
          <p className="failure" role="alert">
            {describeError(error)}
          </p>
        ) : null}
        {projects.length === 0 ? (
          <p className="note">{fetching ? 'Loading …' : 'None yet.'}</p>
        ) : (
          <ul className="cards">
            {projects.map((project) => (
              <ProjectCard key={project.id} project={project} />
            ))}
          </ul>
        )}
      </section>
    </div>
  )
}

function ProjectCard({ project }: { readonly project: ProjectSummaryFieldsFragment }): ReactElement {
  const { id, title, template, status, updatedAt, activeTask, preview } = project
  return (
    <li className="card">
      <Link to={{ projectId: id }} className="card-title">
        {title}
      </Link>
      <p className="note">
        {template === null ? 'By a model' : templateWords[template]},{' '}
        {activeTask === null ? date.format(new Date(updatedAt)) : <ActiveNote taskId={activeTask.id} />}
      </p>
      {status === 'FAILED' ? <p className="failure">Was not finished</p> : <PreviewBadge status={preview.status} />}
    </li>
  )
}

function ActiveNote({ taskId }: { readonly taskId: string }): ReactElement {
  const { task } = useTask(taskId)
  if (task === null) return <>being worked on</>
  return <>{task.isOver ? 'ready' : `being worked on, ${Math.floor(task.progress.percent)} %`}</>
}
