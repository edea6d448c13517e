import { type ReactElement, useCallback, useEffect, useState } from 'react'
import { useQuery } from 'urql'
import { type DocumentCardFieldsFragment, DocumentListDocument } from '../../gql/graphql.ts'
import { ProgressBar } from '../../react/progress-bar.tsx'
import { useTask } from '../../react/use-task.ts'
import { describeError } from '../../react/words.ts'
import { Link } from '../link.tsx'
import { TokenForm } from '../token-form.tsx'
import { useTitle } from '../use-title.ts'
import { useWhenBack } from '../use-when-back.ts'
import { DeleteDocument } from './delete-document.tsx'
import { SearchPanel } from './search-panel.tsx'
import { UploadPanel } from './upload-panel.tsx'
import { describeDocument } from './words.ts'

const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })

/** All documents that the viewer may read: upload, search, open, delete. */
export function DocumentsPage(): ReactElement {
  useTitle('Documents')
  const [after, setAfter] = useState<readonly string[]>([])
  const [{ data, fetching, error }, execute] = useQuery({
    query: DocumentListDocument,
    variables: { after: after.at(-1) ?? null },
    requestPolicy: 'cache-and-network',
  })
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useWhenBack(refetch)
  const isRefused = error?.graphQLErrors.some(({ extensions }) => extensions['code'] === 'UNAUTHENTICATED') === true
  if (isRefused) return <TokenForm />
  const documents = data?.documents.nodes ?? []
  return (
    <div className="documents">
      <h1>Documents</h1>
      <UploadPanel onImported={refetch} />
      <SearchPanel />
      {error !== undefined && data === undefined ? (
        <p className="failure" role="alert">
          {describeError(error)}{' '}
          <button type="button" className="quiet" onClick={refetch}>
            Try again
          </button>
        </p>
      ) : null}
      {documents.length === 0 ? (
        <p className="note">{fetching || data === undefined ? 'Loading …' : 'None yet. Upload the first one.'}</p>
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
          {status === 'READY' ? ` · ${date.format(new Date(createdAt))}` : null}
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
    <p className="note">Is being read</p>
  ) : (
    <ProgressBar task={task} label={`Reading ${name}`} isQuiet />
  )
}
