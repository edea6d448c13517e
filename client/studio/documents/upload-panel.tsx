import { type DragEvent, type ReactElement, useCallback, useId, useRef, useState } from 'react'
import { ImportDocumentDocument } from '../../gql/graphql.ts'
import { useTidings } from '../../react/provider.ts'
import { useOutbox } from '../../react/use-connection.ts'
import { useTask } from '../../react/use-task.ts'
import { useTaskMutation } from '../../react/use-task-mutation.ts'
import { useUpload } from '../../react/use-upload.ts'
import { describeError, endSentence } from '../../react/words.ts'
import { acceptedFiles } from '../import-panel.tsx'
import { Link } from '../link.tsx'
import { TaskPanel } from '../task-panel.tsx'
import { useRoute } from '../use-route.ts'
import { describeBytes } from './words.ts'

type Upload = { readonly key: number; readonly file: File } & (
  | { readonly is: 'waiting' | 'sending' }
  | { readonly is: 'refused'; readonly reason: string }
  | { readonly is: 'imported'; readonly documentId: string; readonly taskId: string }
)

/** Takes files, one or many, and shows how far each is: sent, then read. A single one is opened at once. */
export function UploadPanel({ onImported }: { readonly onImported: () => void }): ReactElement {
  const { uploads, put, take } = useUploads(onImported)
  const [isOver, setOver] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const inputId = useId()
  const drop = (event: DragEvent): void => {
    event.preventDefault()
    setOver(false)
    take([...event.dataTransfer.files])
  }
  return (
    <section className="import" aria-label="Upload documents">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut; the button inside does the same by keyboard */}
      <div
        className="drop"
        data-over={isOver}
        onDragOver={(event) => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <label htmlFor={inputId}>
          <strong>Drop PDF, DOCX, HTML, Markdown or text files here</strong>
        </label>
        <input
          ref={input}
          id={inputId}
          className="tidings-hidden"
          tabIndex={-1}
          type="file"
          multiple
          accept={acceptedFiles}
          onChange={(event) => {
            take([...(event.target.files ?? [])])
            // The same file may be chosen again.
            event.target.value = ''
          }}
        />
        <button type="button" className="primary" onClick={() => input.current?.click()}>
          Choose files
        </button>
      </div>
      {uploads.length === 0 ? null : (
        <ul className="uploads" aria-label="Uploads">
          {uploads.map((upload) => (
            <li key={upload.key} data-state={upload.is}>
              <UploadRow upload={upload} onRead={onImported} onDismiss={() => put(upload.key, null)} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function useUploads(onImported: () => void): {
  readonly uploads: readonly Upload[]
  readonly put: (key: number, upload: Upload | null) => void
  readonly take: (files: readonly File[]) => void
} {
  const { run } = useTaskMutation(ImportDocumentDocument)
  const { go } = useRoute()
  const [uploads, setUploads] = useState<readonly Upload[]>([])
  const count = useRef(0)
  const last = useRef(Promise.resolve())
  const put = useCallback((key: number, upload: Upload | null) => {
    setUploads((all) => all.flatMap((one) => (one.key !== key ? [one] : upload === null ? [] : [upload])))
  }, [])
  const send = async (key: number, file: File, isOnly: boolean): Promise<void> => {
    put(key, { key, file, is: 'sending' })
    const { data, refusal } = await run({ input: { file, name: file.name } })
    if (data?.importDocument.__typename !== 'ImportDocumentSuccess')
      return put(key, { key, file, is: 'refused', reason: refusal ?? 'There was no answer.' })
    const { document, task } = data.importDocument
    put(key, { key, file, is: 'imported', documentId: document.id, taskId: task.id })
    onImported()
    if (isOnly) go({ documentId: document.id })
  }
  const take = (files: readonly File[]): void => {
    const added = files.map((file): Upload => ({ key: ++count.current, file, is: 'waiting' }))
    setUploads((all) => [...all, ...added])
    // One after the other: the first is there sooner, and the line is not divided.
    for (const { key, file } of added) last.current = last.current.then(() => send(key, file, files.length === 1))
  }
  return { uploads, put, take }
}

function UploadRow(props: {
  readonly upload: Upload
  readonly onRead: () => void
  readonly onDismiss: () => void
}): ReactElement {
  const { upload, onDismiss } = props
  const { file } = upload
  if (upload.is === 'imported') return <Reading {...upload} name={file.name} />
  return (
    <>
      <p className="upload-name">
        {file.name} <span className="note">{describeBytes(file.size)}</span>
      </p>
      {upload.is === 'waiting' ? <p className="note">Waits for the files before it.</p> : null}
      {upload.is === 'sending' ? <Sending file={file} /> : null}
      {upload.is === 'refused' ? (
        <p className="failure" role="alert">
          {upload.reason}{' '}
          <button type="button" className="quiet" aria-label={`Dismiss: ${file.name}`} onClick={onDismiss}>
            Dismiss
          </button>
        </p>
      ) : null}
    </>
  )
}

function Sending({ file }: { readonly file: File }): ReactElement {
  const { uploads } = useTidings()
  const { pending, dismiss } = useOutbox()
  const progress = useUpload(file)
  const kept = pending.find(({ variables }) => (variables['input'] as { file?: unknown } | undefined)?.file === file)
  const part = progress === null ? 0 : progress.sentBytes / Math.max(1, progress.totalBytes)
  const percent = Math.floor(part * 100)
  const isInterrupted = progress === null && kept !== undefined
  const words = isInterrupted
    ? 'Interrupted; it is sent again when the server can be reached.'
    : percent < 100
      ? `Sending${kept === undefined ? '' : ' again'}, ${percent} %`
      : 'Sent; waiting for the answer'
  const cancel = (): void => {
    if (progress !== null) uploads.cancel(file)
    else if (kept !== undefined) dismiss(kept.id)
  }
  return (
    <div className="tidings-progress" data-status={isInterrupted ? 'RETRYING' : 'RUNNING'}>
      <div
        className="tidings-progress-track"
        role="progressbar"
        aria-label={`Sending ${file.name}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={words}
      >
        <div className="tidings-progress-value" style={{ transform: `scaleX(${part})` }} />
      </div>
      <p className="tidings-progress-text">
        <span role={isInterrupted ? 'status' : undefined}>{words}</span>
        <button
          type="button"
          className="quiet danger"
          aria-label={`Cancel the upload of ${file.name}`}
          onClick={cancel}
        >
          Cancel
        </button>
      </p>
    </div>
  )
}

function Reading(props: { readonly documentId: string; readonly taskId: string; readonly name: string }): ReactElement {
  const { documentId, taskId, name } = props
  const { task, error } = useTask(taskId)
  if (task?.status === 'COMPLETED')
    return (
      <p className="upload-name">
        <Link to={{ documentId }}>{name}</Link> <span className="note">Ready</span>
      </p>
    )
  if (error !== null)
    return (
      <p className="upload-name">
        {name} <span className="failure">{describeError(error)}</span>
      </p>
    )
  if (task === null) return <p className="upload-name">{name}</p>
  if (task.status === 'FAILED' && task.error !== null)
    return (
      <>
        <p className="upload-name">
          <Link to={{ documentId }}>{name}</Link>
        </p>
        <p className="failure" role="alert">
          {endSentence(task.error.message)} {task.error.advice} <span className="document-code">{task.error.code}</span>
        </p>
      </>
    )
  return <TaskPanel task={task} title={`Reading ${name}`} />
}
