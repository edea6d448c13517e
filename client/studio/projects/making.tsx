import { type ReactElement, useEffect, useRef, useState } from 'react'
import type { TaskState } from '../../index.ts'
import { TaskPanel } from '../tasks/task-panel.tsx'
import { CodeEditor } from './code-editor.tsx'
import { FileList, type ListedFile } from './file-list.tsx'

/** The files while they are being generated, each with its text so far. */
export function Making(props: {
  readonly task: TaskState
  readonly onStarted: (taskId: string) => void
}): ReactElement {
  const { task, onStarted } = props
  const [selectedPath, setChosen] = useState<string | null>(null)
  const items = [...task.items.values()]
  const current = items.findLast(({ status }) => status === 'RUNNING') ?? items.at(-1)
  const selected = selectedPath ?? current?.key ?? null
  // A file that is generated a second time streams under another name.
  const stream = [...task.outputs].findLast(([name]) => name === selected || name.startsWith(`${selected}#`))?.[1]
  const text = stream?.text ?? ''
  const box = useRef<HTMLDivElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the text as it grows
  useEffect(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [text])
  return (
    <>
      <TaskPanel task={task} title="Generating project" onStarted={onStarted} />
      <div className="workbench" data-making="true">
        <FileList
          files={items.map(
            ({ key, label, status }): ListedFile => ({ path: key, note: null, status: label === '' ? null : status }),
          )}
          selected={selected}
          onSelect={(path) => setChosen(path === current?.key ? null : path)}
          onAdd={null}
        />
        <section className="editor" aria-label="File being generated">
          <div className="pane-head">
            <h2>{selected ?? 'No file yet'}</h2>
          </div>
          <div className="code-box" ref={box}>
            <CodeEditor label={selected ?? 'No file yet'} value={text} problems={new Map()} onChange={null} />
          </div>
        </section>
      </div>
    </>
  )
}
