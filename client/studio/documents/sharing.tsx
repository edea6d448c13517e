import { type FormEvent, type ReactElement, useId, useState } from 'react'
import { RevokeDocumentDocument, ShareDocumentDocument } from '../../gql/graphql.ts'
import { Refusal } from '../parts/refusal.tsx'
import { useChange } from '../use-change.ts'

/** Shows and changes the users that a document is shared with; for its owner. */
export function Sharing(props: {
  readonly id: string
  readonly readers: readonly { readonly userId: string }[]
}): ReactElement {
  const { id, readers } = props
  const inputId = useId()
  const [userId, setUserId] = useState('')
  const share = useChange(ShareDocumentDocument)
  const revoke = useChange(RevokeDocumentDocument)
  const refusal = share.refusal ?? revoke.refusal
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (userId.trim() !== '' && (await share.run({ id, userId: userId.trim() })) !== undefined) setUserId('')
  }
  return (
    <details className="sharing">
      <summary>{readers.length === 0 ? 'Share' : `Shared with ${readers.length}`}</summary>
      <form
        onSubmit={(event) => {
          void submit(event)
        }}
      >
        <label htmlFor={inputId}>User’s id</label>
        <span className="sharing-row">
          <input id={inputId} value={userId} onChange={(event) => setUserId(event.target.value)} autoComplete="off" />
          <button type="submit" className="primary" disabled={share.isSending}>
            Share
          </button>
        </span>
      </form>
      <Refusal text={refusal} />
      <ul aria-label="Readers">
        {readers.map((reader) => (
          <li key={reader.userId}>
            <span>{reader.userId}</span>
            <button
              type="button"
              className="quiet danger"
              aria-label={`Revoke: ${reader.userId}`}
              disabled={revoke.isSending}
              onClick={() => {
                void revoke.run({ id, userId: reader.userId })
              }}
            >
              Revoke
            </button>
          </li>
        ))}
      </ul>
    </details>
  )
}
