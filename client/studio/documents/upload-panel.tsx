import type { ReactElement } from 'react'
import { describeError, useOutbox, useTask, useTidings, useUpload } from '../../react/index.ts'
import { describeBytes } from '../parts/describe-bytes.ts'
import { DropZone } from '../parts/drop-zone.tsx'
import { Link } from '../parts/link.tsx'
import { Problem } from '../parts/problem.tsx'
import { TaskPanel } from '../tasks/task-panel.tsx'
import { type Upload, useUploads } from './use-uploads.ts'

/**
 * Accepts one or several files, and shows the progress of each: uploading, then converting. A
 * single file is opened at once.
 */
export function UploadPanel({ onImported }: { readonly onImported: () => void }): ReactElement {
  const { uploads, put, take } = useUploads(onImported)
  return (
    <section className="import" aria-label="Upload documents">
      <DropZone
        invitation="Drop PDF, DOCX, HTML, Markdown or text files here"
        action="Choose files"
        isMany
        onFiles={take}
      />
      {uploads.length === 0 ? null : (
        <ul className="uploads" aria-label="Uploads">
          {uploads.map((upload) => (
            <li key={upload.key} data-state={upload.is}>
              <UploadRow upload={upload} onDismiss={() => put(upload.key, null)} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function UploadRow(props: { readonly upload: Upload; readonly onDismiss: () => void }): ReactElement {
  const { upload, onDismiss } = props
  const { file } = upload
  if (upload.is === 'imported') return <Reading {...upload} name={file.name} />
  return (
    <>
      <p className="upload-name">
        {file.name} <span className="note">{describeBytes(file.size)}</span>
      </p>
      {upload.is === 'waiting' ? <p className="note">Waiting for earlier files.</p> : null}
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
  const entry = pending.find(({ variables }) => {
    const input = variables['input'] as { readonly source?: { readonly file?: unknown } } | undefined
    return input?.source?.file === file
  })
  const part = progress === null ? 0 : progress.sentBytes / Math.max(1, progress.totalBytes)
  const percent = Math.floor(part * 100)
  const isInterrupted = progress === null && entry !== undefined
  const words = isInterrupted
    ? 'Interrupted. The upload resumes when the server is reachable.'
    : percent < 100
      ? `Sending${entry === undefined ? '' : ' again'}, ${percent} %`
      : 'Sent; waiting for the server'
  const cancel = (): void => {
    if (progress !== null) uploads.cancel(file)
    else if (entry !== undefined) dismiss(entry.id)
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
          <Problem error={task.error} /> <span className="document-code">{task.error.code}</span>
        </p>
      </>
    )
  return <TaskPanel task={task} title={`Converting ${name}`} />
}
