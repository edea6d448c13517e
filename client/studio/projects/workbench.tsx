import { type ReactElement, useEffect, useMemo, useRef, useState } from 'react'
import { type ProjectFieldsFragment, SyncProjectDocument } from '../../gql/graphql.ts'
import type { TaskState } from '../../index.ts'
import { useTaskMutation } from '../../react/index.ts'
import { describeBytes } from '../parts/describe-bytes.ts'
import { Refusal } from '../parts/refusal.tsx'
import { TaskPanel } from '../tasks/task-panel.tsx'
import { CodeEditor, type CodeEditorHandle } from './code-editor.tsx'
import { FileList, type ListedFile } from './file-list.tsx'
import { PreviewPane } from './preview-pane.tsx'
import { type Problem, ProblemList } from './problem-list.tsx'
import { useDrafts } from './use-drafts.ts'

/** The editor with its files, their problems, and the preview. */
export function Workbench(props: {
  readonly project: ProjectFieldsFragment
  readonly task: TaskState | null
  readonly onStarted: (taskId: string) => void
}): ReactElement {
  const { project, task, onStarted } = props
  const { id, files: storedFiles, lastSync, version } = project
  const drafts = useDrafts(id, storedFiles)
  const { run, isSending, refusal } = useTaskMutation(SyncProjectDocument)
  const [selectedPath, setChosen] = useState<string | null>(null)
  const editor = useRef<CodeEditorHandle>(null)
  const [target, setTarget] = useState<Problem | null>(null)
  const selected =
    drafts.files.find(({ path }) => path === selectedPath) ??
    drafts.files.find(({ path }) => path === 'index.html') ??
    drafts.files[0]
  const isBusy = task !== null && !task.isOver
  // Problems refer to the files that were sent. Without local changes, those came from another
  // page.
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
  // Applied once the editor shows the file.
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
          title={task.kind === 'SYNC_PROJECT' ? 'Syncing project' : 'Generating project'}
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
            ({ path, change, storedBytes }): ListedFile => ({
              path,
              note: change ?? describeBytes(storedBytes),
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
                  aria-label={`Delete file ${selected.path}`}
                  onClick={() => drafts.remove(selected.path)}
                >
                  Delete
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
