import type { ReactElement } from 'react'
import { endSentence } from '../../react/index.ts'
import { Link } from '../parts/link.tsx'
import { MakeQuizButton } from '../quizzes/quiz-list.tsx'
import { MakeRoadmapButton } from '../roadmaps/make-roadmap.tsx'
import { useRoute } from '../shell/use-route.ts'
import { useTitle } from '../shell/use-title.ts'
import { AgainButton, canConvertAgain } from '../tasks/task-actions.tsx'
import { TaskPanel } from '../tasks/task-panel.tsx'
import { TokenForm } from '../token-form.tsx'
import { DeleteDocument } from './delete-document.tsx'
import { describeDocument } from './describe-document.ts'
import { Contents, Text } from './reading.tsx'
import { Sharing } from './sharing.tsx'
import { type LiveDocument, type ReadDocument, useDocument } from './use-document.ts'

/**
 * A document page. It shows the progress while the document is being imported, opens the document
 * when it is ready, and hides it at once when access is revoked.
 */
export function DocumentPage({ id }: { readonly id: string }): ReactElement {
  const live = useDocument(id)
  const { document: fetchedDocument, viewerId, absence, conversion } = live
  useTitle(fetchedDocument?.title)
  if (fetchedDocument === null) return <Absence live={live} why={absence ?? 'loading'} />
  const isOwn = fetchedDocument.owner === viewerId
  const isBusy = fetchedDocument.status === 'PROCESSING' || (conversion !== null && !conversion.isOver)
  return (
    <div className="document" data-status={fetchedDocument.status}>
      <header className="document-head">
        <p className="note">
          <Link to={{ page: 'documents' }}>Documents</Link>
          {isOwn ? null : ` · shared by ${fetchedDocument.owner}`}
        </p>
        <h1>{fetchedDocument.title}</h1>
        <p className="note">
          {fetchedDocument.title === fetchedDocument.name ? null : `${fetchedDocument.name} · `}
          {describeDocument(fetchedDocument)}
        </p>
        <div className="document-actions">
          {fetchedDocument.status === 'READY' && isOwn ? (
            <>
              <MakeQuizButton documentId={id} title={fetchedDocument.title} />
              <MakeRoadmapButton documentId={id} title={fetchedDocument.title} />
            </>
          ) : null}
          {isOwn ? <DeleteOne document={fetchedDocument} /> : null}
        </div>
        {isOwn ? <Sharing id={id} readers={fetchedDocument.sharedWith} /> : null}
      </header>
      {isBusy ? (
        conversion === null ? (
          <p className="note">Converting …</p>
        ) : (
          <TaskPanel task={conversion} title={`Converting ${fetchedDocument.name}`} />
        )
      ) : null}
      {fetchedDocument.status === 'FAILED' && !isBusy ? (
        <Failure document={fetchedDocument} isOwn={isOwn} onStarted={live.watch} />
      ) : null}
      {fetchedDocument.status === 'READY' ? (
        <>
          {fetchedDocument.notes.length === 0 ? null : (
            <ul className="document-notes" aria-label="Conversion notes">
              {fetchedDocument.notes.map((note) => (
                <li key={note}>{note}</li>
              ))}
            </ul>
          )}
          <div className="document-body">
            <Contents document={fetchedDocument} />
            <Text document={fetchedDocument} />
          </div>
        </>
      ) : null}
    </div>
  )
}

function DeleteOne({ document: { id, title } }: { readonly document: ReadDocument }): ReactElement {
  const { go } = useRoute()
  return <DeleteDocument id={id} title={title} onDeleted={() => go({ page: 'documents' }, true)} />
}

const absences = {
  missing: ['There is no such document', 'It does not exist, or it is not shared with you.'],
  forbidden: [
    'You may no longer read this document',
    'Its owner has just stopped sharing it with you. Ask the owner if you still need it.',
  ],
  deleted: ['This document was deleted', 'It is gone for good, with its text.'],
} as const

function Absence({
  live,
  why,
}: {
  readonly live: LiveDocument
  readonly why: NonNullable<LiveDocument['absence']>
}): ReactElement {
  if (why === 'loading')
    return (
      <p className="page-note" role="status">
        Loading …
      </p>
    )
  if (why === 'failed') {
    if (live.isRefused) return <TokenForm />
    return (
      <p className="page-note" role="alert">
        {live.failure}{' '}
        <button type="button" className="quiet" onClick={live.refetch}>
          Retry
        </button>
      </p>
    )
  }
  const [heading, words] = absences[why]
  return (
    <div className="absence" role="alert" data-why={why}>
      <h1>{heading}</h1>
      <p>{words}</p>
      {why === 'forbidden' ? <p className="document-code">FORBIDDEN</p> : null}
      <p>
        <Link to={{ page: 'documents' }}>Documents</Link>
      </p>
    </div>
  )
}

function Failure(props: {
  readonly document: ReadDocument
  readonly isOwn: boolean
  readonly onStarted: (taskId: string) => void
}): ReactElement | null {
  const { document: reading, isOwn, onStarted } = props
  const { error, conversion } = reading
  if (error === null) return null
  return (
    <section className="document-failure" role="alert" aria-label="Conversion error">
      <h2>Conversion failed</h2>
      <p>{endSentence(error.message)}</p>
      {error.advice === null ? null : (
        <p>
          <strong>What to do:</strong> {error.advice}
        </p>
      )}
      <p className="document-code">{error.code}</p>
      {isOwn && conversion !== null && canConvertAgain(error) ? (
        <p>
          <AgainButton id={conversion.id} className="primary" onStarted={onStarted} />
        </p>
      ) : null}
    </section>
  )
}
