import { type ReactElement, useEffect, useState } from 'react'
import { type DocumentCardFieldsFragment, DocumentListDocument } from '../../gql/graphql.ts'
import { ProgressBar, useTask } from '../../react/index.ts'
import { formatDay } from '../parts/dates.ts'
import { Link } from '../parts/link.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { useTitle } from '../shell/use-title.ts'
import { TokenForm } from '../token-form.tsx'
import { useFetched } from '../use-fetched.ts'
import { DeleteDocument } from './delete-document.tsx'
import { describeDocument } from './describe-document.ts'
import { SearchPanel } from './search-panel.tsx'
import { UploadPanel } from './upload-panel.tsx'

/** All documents that the viewer may read, with upload, search and delete. */
export function DocumentsPage(): ReactElement {
  useTitle('Documents')
  const [after, setAfter] = useState<readonly string[]>([])
  const { data, isLoading, failure, isRefused, refetch } = useFetched(DocumentListDocument, {
    after: after.at(-1) ?? null,
  })
  if (isRefused) return <TokenForm />
  const documents = data?.documents.nodes ?? []
  return (
    <div className="documents">
      <h1>Documents</h1>
      <UploadPanel onImported={refetch} />
      <SearchPanel />
      <Refusal text={data === undefined ? failure : null} onAgain={refetch} />
      {documents.length === 0 ? (
        <p className="note">{isLoading ? 'Loading …' : data === undefined ? '' : 'No documents yet. Upload one.'}</p>
      ) : (
        <ul className="document-list" aria-label="Your documents">
          {documents.map((document) => (
            <DocumentRow
              key={document.id}
              document={document}
              isOwn={document.owner === data?.viewer?.id}
              onChange={refetch}
            />
          ))}
        </ul>
      )}
      {after.length === 0 && data?.documents.pageInfo.hasNextPage !== true ? null : (
        <p className="document-pages">
          <button type="button" disabled={after.length === 0} onClick={() => setAfter(after.slice(0, -1))}>
            Newer
          </button>
          <button
            type="button"
            disabled={data?.documents.pageInfo.hasNextPage !== true}
            onClick={() => setAfter([...after, data?.documents.pageInfo.endCursor ?? ''])}
          >
            Older
          </button>
        </p>
      )}
    </div>
  )
}

function DocumentRow(props: {
  readonly document: DocumentCardFieldsFragment
  readonly isOwn: boolean
  readonly onChange: () => void
}): ReactElement {
  const { document, isOwn, onChange } = props
  const { id, title, name, status, error, activeTask, createdAt } = document
  return (
    <li data-status={status}>
      <div className="document-about">
        <Link to={{ documentId: id }} className="card-title">
          {title}
        </Link>
        <p className="note">
          {status === 'READY' ? describeDocument(document) : null}
          {status === 'READY' && title !== name ? ` · ${name}` : null}
          {status === 'READY' ? ` · ${formatDay(createdAt)}` : null}
          {isOwn ? null : ` · shared by ${document.owner}`}
        </p>
        {status === 'FAILED' && error !== null ? (
          <p className="failure">
            {error.message} <span className="document-code">{error.code}</span>
          </p>
        ) : null}
        {status === 'PROCESSING' ? <Progress taskId={activeTask?.id ?? null} name={name} onOver={onChange} /> : null}
      </div>
      {isOwn ? <DeleteDocument id={id} title={title} onDeleted={onChange} /> : null}
    </li>
  )
}

function Progress(props: {
  readonly taskId: string | null
  readonly name: string
  readonly onOver: () => void
}): ReactElement {
  const { taskId, name, onOver } = props
  const { task } = useTask(taskId)
  const isOver = task?.isOver === true
  useEffect(() => {
    if (isOver) onOver()
  }, [isOver, onOver])
  return task === null ? (
    <p className="note">Converting</p>
  ) : (
    <ProgressBar task={task} label={`Converting ${name}`} isQuiet />
  )
}
