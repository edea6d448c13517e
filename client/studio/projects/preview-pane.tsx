import { type ReactElement, useState } from 'react'
import { Problem } from '../parts/problem.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { PreviewBadge } from './preview-badge.tsx'
import { usePreview } from './use-preview.ts'

/**
 * The preview of the project, in a frame without access to this page. The frame reloads when the
 * preview has a newer version.
 */
export function PreviewPane(props: { readonly projectId: string; readonly title: string }): ReactElement {
  const { projectId, title } = props
  const { preview, start, stop, isSending, refusal } = usePreview(projectId)
  const [reloads, setReloads] = useState(0)
  const status = preview?.status ?? 'STOPPED'
  const address = preview?.address ?? null
  return (
    <section className="preview" aria-label="Preview">
      <div className="pane-head">
        <h2>Preview</h2>
        {preview === null ? null : <PreviewBadge status={status} />}
        <span className="pane-actions">
          {address === null ? null : (
            <>
              <button
                type="button"
                className="quiet"
                aria-label="Reload the preview"
                onClick={() => setReloads((count) => count + 1)}
              >
                Reload
              </button>
              <a
                className="quiet"
                href={address}
                target="_blank"
                rel="noopener noreferrer"
                aria-label="Open the preview in a new tab"
              >
                Open
              </a>
              <button type="button" className="quiet" aria-label="Stop the preview" disabled={isSending} onClick={stop}>
                Stop
              </button>
            </>
          )}
        </span>
        <span className="tidings-hidden" role="status">
          {preview === null ? '' : `The preview is ${status.toLowerCase()}`}
        </span>
      </div>
      {address !== null ? (
        <iframe
          key={`${address} ${preview?.version ?? 0} ${reloads}`}
          className="preview-frame"
          title={`Preview of ${title}`}
          src={address}
          // Without allow-same-origin, the content has an opaque origin and no access to any other
          // one.
          sandbox="allow-scripts allow-forms"
          referrerPolicy="no-referrer"
        />
      ) : (
        <div className="preview-rest">
          {preview?.error != null ? (
            <p className="failure" role="alert">
              <Problem error={preview.error} />
            </p>
          ) : null}
          {preview?.message != null ? <p className="note">{preview.message}</p> : null}
          {status === 'STARTING' ? <p className="note">Starting …</p> : null}
          {status === 'STOPPED' || status === 'FAILED' ? (
            <>
              {status === 'STOPPED' && preview !== null ? (
                <p className="note">It stops after a while without use.</p>
              ) : null}
              <button type="button" disabled={isSending || preview === null} onClick={start}>
                Start the preview
              </button>
            </>
          ) : null}
          <Refusal text={refusal} />
        </div>
      )}
    </section>
  )
}
