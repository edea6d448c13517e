import type { ReactElement } from 'react'
import { DeleteProjectDocument, type ProjectFieldsFragment } from '../../gql/graphql.ts'
import { DeleteButton } from '../parts/confirm-button.tsx'
import { Link } from '../parts/link.tsx'
import { Problem } from '../parts/problem.tsx'
import { useRoute } from '../shell/use-route.ts'
import { useTitle } from '../shell/use-title.ts'
import { useChange } from '../use-change.ts'
import { templateWords } from './labels.ts'
import { Making } from './making.tsx'
import { useProject } from './use-project.ts'
import { Workbench } from './workbench.tsx'

/**
 * A project page: shows the files while they are generated, then for editing, syncing and
 * previewing.
 */
export function ProjectPage({ id }: { readonly id: string }): ReactElement {
  const { project, isLoading, failure, task, watch } = useProject(id)
  useTitle(project?.title)
  if (project === null)
    return (
      <p className="page-note" role={failure === null ? 'status' : 'alert'}>
        {failure ?? (isLoading ? 'Loading …' : 'There is no such project.')}{' '}
        <Link to={{ page: 'projects' }}>Projects</Link>
      </p>
    )
  const { template, document: source, status, error } = project
  const isMaking = task !== null && task.kind === 'GENERATE_PROJECT' && task.status !== 'COMPLETED'
  return (
    <div className="project">
      <header className="project-head">
        <div>
          <p className="note">
            {template === null ? 'Project' : templateWords[template]}
            {source === null ? '' : ` from ${source.name}`}
            {project.version === 0 ? '' : `, version ${project.version}`}
          </p>
          <h1>{project.title}</h1>
        </div>
        <DeleteProject project={project} />
      </header>
      {status === 'FAILED' && error !== null && task === null ? (
        <p className="failure">
          <Problem error={error} />
        </p>
      ) : null}
      {isMaking && task !== null && !task.isOver ? (
        <Making task={task} onStarted={watch} />
      ) : (
        <Workbench project={project} task={task} onStarted={watch} />
      )}
    </div>
  )
}

function DeleteProject({ project: { id, title } }: { readonly project: ProjectFieldsFragment }): ReactElement {
  const { run, isSending, refusal } = useChange(DeleteProjectDocument)
  const { go } = useRoute()
  const remove = async (): Promise<boolean> => {
    const isGone = (await run({ id })) !== undefined
    if (isGone) go({ page: 'projects' }, true)
    return isGone
  }
  return (
    <DeleteButton title={title} act={remove} isSending={isSending} refusal={refusal}>
      All its files and its preview are gone for good. What works on it is canceled.
    </DeleteButton>
  )
}
