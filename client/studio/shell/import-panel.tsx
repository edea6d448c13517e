import { type FormEvent, type ReactElement, useEffect, useRef, useState } from 'react'
import { ImportDocumentDocument, type ImportDocumentInput } from '../../gql/graphql.ts'
import { describeError, useTask, useTaskMutation } from '../../react/index.ts'
import { DropZone } from '../parts/drop-zone.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { useMakeRoadmap } from '../roadmaps/make-roadmap.tsx'
import { TaskPanel } from '../tasks/task-panel.tsx'

/**
 * Accepts a document by dropping, choosing or pasting, shows the progress of its conversion, and
 * then continues to its roadmap automatically.
 */
export function ImportPanel(): ReactElement {
  const { run, isSending, refusal } = useTaskMutation(ImportDocumentDocument)
  const [imported, setImported] = useState<{ readonly documentId: string; readonly taskId: string } | null>(null)

  const start = async (subject: ImportDocumentInput): Promise<void> => {
    const { data } = await run({ input: subject })
    if (data?.importDocument.__typename !== 'ImportDocumentSuccess') return
    const { document, task } = data.importDocument
    setImported({ documentId: document.id, taskId: task.id })
  }
  if (imported !== null) return <Reading {...imported} onRestart={() => setImported(null)} />
  return (
    <section className="import" aria-label="Import a document">
      <DropZone
        invitation="Drop a PDF, DOCX, HTML, Markdown or text file here"
        action={isSending ? 'Sending …' : 'Choose a file'}
        isDisabled={isSending}
        onFiles={([file]) => {
          if (file !== undefined) void start({ source: { file }, name: file.name })
        }}
      />
      <Paste isSending={isSending} onText={(text) => start({ source: { text }, name: 'pasted.md' })} />
      <Refusal text={refusal} />
    </section>
  )
}

function Paste(props: { readonly isSending: boolean; readonly onText: (text: string) => Promise<void> }): ReactElement {
  const [text, setText] = useState('')
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (text.trim() !== '') void props.onText(text)
  }
  return (
    <details className="paste">
      <summary>Or paste text</summary>
      <form onSubmit={submit}>
        <textarea
          aria-label="Text, Markdown or plain"
          rows={8}
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder={'# A title\n\nSome paragraphs, with headings between them.'}
        />
        <button type="submit" className="primary" disabled={props.isSending || text.trim() === ''}>
          Import
        </button>
      </form>
    </details>
  )
}

function Reading(props: {
  readonly documentId: string
  readonly taskId: string
  readonly onRestart: () => void
}): ReactElement {
  const { documentId, taskId, onRestart } = props
  const { task, error } = useTask(taskId)
  const { make, refusal } = useMakeRoadmap()
  const isRead = task?.status === 'COMPLETED'
  const hasBegun = useRef(false)
  useEffect(() => {
    if (!isRead || hasBegun.current) return
    hasBegun.current = true
    void make(documentId)
  })
  const problem = describeError(error) ?? refusal
  return (
    <div className="import">
      {task === null ? <p className="note">Converting the document …</p> : <TaskPanel task={task} />}
      <Refusal text={problem} />
      {task?.isOver === true && !isRead ? (
        <button type="button" className="quiet" onClick={onRestart}>
          Import another document
        </button>
      ) : null}
    </div>
  )
}
