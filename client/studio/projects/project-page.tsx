import { type ReactElement, useEffect, useMemo, useRef, useState } from 'react'
import { DeleteProjectDocument, type ProjectFieldsFragment, SyncProjectDocument } from '../../gql/graphql.ts'
import { useTaskMutation } from '../../react/use-task-mutation.ts'
import type { TaskState } from '../../reduce/task-state.ts'
import { DeleteButton } from '../confirm-button.tsx'
import { Link } from '../link.tsx'
import { Refusal } from '../refusal.tsx'
import { TaskPanel } from '../task-panel.tsx'
import { useChange } from '../use-change.ts'
import { useRoute } from '../use-route.ts'
import { useTitle } from '../use-title.ts'
import { CodeEditor, type CodeEditorHandle } from './code-editor.tsx'
import { FileList, type ListedFile } from './file-list.tsx'
import { PreviewPane } from './preview-pane.tsx'
import { type Problem, ProblemList } from './problem-list.tsx'
import { useDrafts } from './use-drafts.ts'
import { useProject } from './use-project.ts'
import { describeBytes, templateWords } from './words.ts'

/** A project: written before one's eyes, then edited, synced and looked at. */
export function ProjectPage({ id }: { readonly id: string }): ReactElement {
  const { project, isLoading, failure, task, watch } = useProject(id)
  useTitle(project?.title)
  if (project === null)
    return (
      <p className="page-note" role={failure === null ? 'status' : 'alert'}>
        {failure ?? (isLoading ? 'Loading …' : 'There is no such project.')}{' '}
        <Link to={{ page: 'projects' }}>To the projects</Link>
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
          {error.message} {error.advice}
        </p>
      ) : null}
      {isMaking && task !== null && !task.isOver ? (
        <Making project={project} task={task} onStarted={watch} />
      ) : (
        <Workbench project={project} task={task} onStarted={watch} />
      )}
    </div>
  )
}

/** The files while they are written, each as far as it is. */
function Making(props: {
  readonly project: ProjectFieldsFragment
  readonly task: TaskState
  readonly onStarted: (taskId: string) => void
}): ReactElement {
  const { task, onStarted } = props
  const [chosen, setChosen] = useState<string | null>(null)
  const items = [...task.items.values()]
  const current = items.findLast(({ status }) => status === 'RUNNING') ?? items.at(-1)
  const selected = chosen ?? current?.key ?? null
  // A file that is written a second time streams under another name.
  const stream = [...task.outputs].findLast(([name]) => name === selected || name.startsWith(`${selected}#`))?.[1]
  const text = stream?.text ?? ''
  const box = useRef<HTMLDivElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the text as it grows
  useEffect(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [text])
  return (
    <>
      <TaskPanel task={task} title="Making the project" onStarted={onStarted} />
      <div className="workbench" data-making="true">
        <FileList
          files={items.map(
            ({ key, label, status }): ListedFile => ({ path: key, note: null, status: label === '' ? null : status }),
          )}
          selected={selected}
          onSelect={(path) => setChosen(path === current?.key ? null : path)}
          onAdd={null}
        />
        <section className="editor" aria-label="The file as it is written">
          <div className="pane-head">
            <h2>{selected ?? 'Nothing yet'}</h2>
          </div>
          <div className="code-box" ref={box}>
            <CodeEditor label={selected ?? 'Nothing yet'} value={text} problems={new Map()} onChange={null} />
          </div>
        </section>
      </div>
    </>
  )
}

/** The files to edit, what is wrong with them, and the preview. */
function Workbench(props: {
  readonly project: ProjectFieldsFragment
  readonly task: TaskState | null
  readonly onStarted: (taskId: string) => void
}): ReactElement {
  const { project, task, onStarted } = props
  const { id, files: stored, lastSync, version } = project
  const drafts = useDrafts(id, stored)
  const { run, isSending, refusal } = useTaskMutation(SyncProjectDocument)
  const [chosen, setChosen] = useState<string | null>(null)
  const editor = useRef<CodeEditorHandle>(null)
  const [target, setTarget] = useState<Problem | null>(null)
  const selected =
    drafts.files.find(({ path }) => path === chosen) ??
    drafts.files.find(({ path }) => path === 'index.html') ??
    drafts.files[0]
  const isBusy = task !== null && !task.isOver
  // They are about what was sent: without changes of one's own they were another page's.
  const isOwn = drafts.changeCount > 0 && !isBusy && lastSync?.status === 'FAILED'
  const problems = useMemo(() => (isOwn ? (lastSync?.error?.problems ?? []) : []), [isOwn, lastSync])
  const ofSelected = useMemo(
    () =>
      new Map(
        problems.flatMap(({ path, line, message }): [number, string][] =>
          path === selected?.path && line !== null ? [[line, message]] : [],
        ),
      ),
    [problems, selected?.path],
  )
  // The place is in the editor once the file is.
  useEffect(() => {
    if (target === null || target.path !== selected?.path) return
    editor.current?.goTo(target.line ?? 1, target.column ?? 1)
    setTarget(null)
  }, [target, selected?.path])
  const sync = (): void => {
    if (isBusy || isSending) return
    void run({
      projectId: id,
      files: drafts.files.map(({ path, content }) => ({ path, content })),
      expectedVersion: version,
    }).then(({ task: started }) => {
      if (started !== null) onStarted(started.id)
    })
  }
  return (
    <>
      {task !== null && problems.length === 0 && (task.kind === 'SYNC_PROJECT' || task.status !== 'COMPLETED') ? (
        <TaskPanel
          task={task}
          title={task.kind === 'SYNC_PROJECT' ? 'Syncing the project' : 'Making the project'}
          onStarted={onStarted}
        />
      ) : null}
      {problems.length === 0 ? null : (
        <ProblemList
          problems={problems}
          onSelect={(problem) => {
            setChosen(problem.path)
            setTarget(problem)
          }}
        />
      )}
      <div className="workbench">
        <FileList
          files={drafts.files.map(
            ({ path, content, change }): ListedFile => ({
              path,
              note: change ?? describeBytes(new Blob([content]).size),
              status: problems.some((problem) => problem.path === path) ? 'FAILED' : null,
            }),
          )}
          selected={selected?.path ?? null}
          onSelect={setChosen}
          onAdd={(path) => {
            drafts.write(path, '')
            setChosen(path)
          }}
        />
        <section className="editor" aria-label="Editor">
          <div className="pane-head">
            <h2>{selected?.path ?? 'No files'}</h2>
            <span className="pane-actions">
              {selected === undefined ? null : (
                <button
                  type="button"
                  className="quiet danger"
                  aria-label={`Take away ${selected.path}`}
                  onClick={() => drafts.remove(selected.path)}
                >
                  Take away
                </button>
              )}
              {drafts.changeCount === 0 ? null : (
                <button type="button" className="quiet" onClick={drafts.reset}>
                  Undo all
                </button>
              )}
              <button type="button" className="primary" disabled={isBusy || isSending} onClick={sync}>
                Sync
                {drafts.changeCount === 0
                  ? ''
                  : ` ${drafts.changeCount} ${drafts.changeCount === 1 ? 'change' : 'changes'}`}
              </button>
            </span>
          </div>
          <Refusal text={refusal} />
          <div className="code-box">
            {selected === undefined ? (
              <p className="note">Add a file index.html to begin.</p>
            ) : (
              <CodeEditor
                key={selected.path}
                ref={editor}
                label={`Content of ${selected.path}`}
                value={selected.content}
                problems={ofSelected}
                onChange={(content) => drafts.write(selected.path, content)}
                onSave={sync}
              />
            )}
          </div>
        </section>
        <PreviewPane projectId={id} title={project.title} />
      </div>
    </>
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
