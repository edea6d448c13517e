import type { PoolClient } from 'pg'
import { createTaskDefinition, createTopic, type Ending, TidingsError } from '../../../engine.ts'
import type { QuestionProvider } from '../../content/question.ts'
import type { StudioTask } from '../../task-results.ts'
import { announceProject } from '../announce.ts'
import { previewTopic } from '../preview/preview.ts'
import { decideProject, type ProjectOrder, projectOrder } from '../project-order.ts'
import type { ProjectGenerators } from './generators.ts'
import { makeProject } from './make-project.ts'

/** The kind of {@link defineGenerateProject}. */
export const generateProjectKind = 'GENERATE_PROJECT'

/**
 * Returns the id of the project that a task of this kind creates: its subject. One task, one
 * project, also across attempts.
 */
function projectIdOf(taskId: string): string {
  return taskId.replace(/^task_/, 'project_')
}

/**
 * Generates a project, file by file, and starts its preview. Subject: the project; items: its
 * files, by name; output: the text of each, in streams of the same names, with the suffix `#2` when
 * a file is written a second time.
 */
export function defineGenerateProject(options: {
  readonly generators: ProjectGenerators
  readonly questions: QuestionProvider
}): StudioTask<ProjectOrder> {
  const { generators, questions } = options
  return createTaskDefinition({
    kind: generateProjectKind,
    input: projectOrder,
    attempts: 3,
    concurrency: 2,
    stages: { reading: 5, asking: 20, writing: 70, launching: 5 },
    async begin(client, request, { taskId, owner, retriedSubject }) {
      const { title, template } = await decideProject(client, request, owner, generators.model !== null)
      const projectId = retriedSubject ?? projectIdOf(taskId)
      if (retriedSubject === null) {
        await client.query(
          `insert into studio.project (id, owner, title, prompt, template, document_id, quiz_id, status)
           values ($1, $2, $3, $4, $5, $6, $7, 'GENERATING')`,
          [projectId, owner, title, request.prompt, template, request.documentId, request.quizId],
        )
        await client.query(`insert into studio.project_preview (project_id, status) values ($1, 'STOPPED')`, [
          projectId,
        ])
        await createTopic(client, previewTopic(projectId))
      } else {
        const { rowCount } = await client.query(
          `update studio.project set status = 'GENERATING', note = null, error = null
           where id = $1 and owner = $2 and status = 'FAILED'`,
          [projectId, owner],
        )
        if (rowCount === 0)
          throw new TidingsError(
            'CONFLICT',
            `Project "${title}" already has its files, or was deleted; create another project instead`,
          )
      }
      return { subject: projectId, ...(template === null ? {} : { variant: template }) }
    },
    run: (context) => makeProject(context, generators, questions),
    settle: (client, _, ending) => settle(client, ending),
    announce: (client, _, ending) =>
      announceProject(client, ending, { completed: 'is ready', failed: 'could not be finished' }),
  })
}

/**
 * A project without its entry page has nothing to show; any other result is kept, whatever the
 * task's status.
 */
async function settle(client: PoolClient, { taskId, status, error }: Ending): Promise<void> {
  const failure =
    status === 'COMPLETED'
      ? null
      : (error ?? {
          code: 'CANCELED',
          message: 'Making the project was canceled.',
          retryable: false,
          advice: 'Retry the task to have it after all.',
        })
  await client.query(
    `update studio.project set status = $2, error = $3, updated_at = now()
     where id = (select subject from tidings.task where id = $1) and status = 'GENERATING'`,
    [taskId, status === 'COMPLETED' ? 'READY' : 'FAILED', failure === null ? null : JSON.stringify(failure)],
  )
}
