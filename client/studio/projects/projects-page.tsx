import type { ReactElement } from 'react'
import { ProjectListDocument, type ProjectSummaryFieldsFragment } from '../../gql/graphql.ts'
import { ActiveNote } from '../parts/active-note.tsx'
import { formatDay } from '../parts/dates.ts'
import { Link } from '../parts/link.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { useTitle } from '../shell/use-title.ts'
import { TokenForm } from '../token-form.tsx'
import { useFetched } from '../use-fetched.ts'
import { templateWords } from './labels.ts'
import { NewProject } from './new-project.tsx'
import { PreviewBadge } from './preview-badge.tsx'

/** All projects, and a form for a new one. */
export function ProjectsPage(): ReactElement {
  useTitle('Projects')
  const { data, isLoading, failure, isRefused, refetch } = useFetched(ProjectListDocument, {})
  if (isRefused || data?.viewer === null) return <TokenForm />
  const projects = data?.projects.nodes ?? []
  return (
    <div className="home projects">
      <div className="hero">
        <h1>Small web projects from your documents.</h1>
        <p>Flash cards, a quiz or a reading page: generated live, editable, with a preview.</p>
      </div>
      <NewProject />
      <section aria-labelledby="projects">
        <h2 id="projects">Projects</h2>
        <Refusal text={data === undefined ? failure : null} onAgain={refetch} />
        {projects.length === 0 ? (
          <p className="note">{isLoading ? 'Loading …' : data === undefined ? '' : 'None yet.'}</p>
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
        {template === null ? 'By a model' : templateWords[template]}
        {activeTask === null ? `, ${formatDay(updatedAt)}` : null}
      </p>
      {activeTask === null ? null : (
        <ActiveNote taskId={activeTask.id} label={`Updating ${title}`} active="In progress" over="Ready" />
      )}
      {status === 'FAILED' ? <p className="failure">Generation failed</p> : <PreviewBadge status={preview.status} />}
    </li>
  )
}
