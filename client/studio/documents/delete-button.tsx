import { type ReactElement, useId, useRef } from 'react'
import { DeleteDocumentDocument } from '../../gql/graphql.ts'
import { useChange } from '../quizzes/use-change.ts'

/** Deletes a document for good, after asking. */
export function DeleteButton(props: {
  readonly id: string
  readonly title: string
  readonly onDeleted: () => void
}): ReactElement {
  const { id, title, onDeleted } = props
  const { run, isSending, refusal } = useChange(DeleteDocumentDocument)
  const dialog = useRef<HTMLDialogElement>(null)
  const headingId = useId()
  const remove = async (): Promise<void> => {
    if ((await run({ id })) === undefined) return
    dialog.current?.close()
    onDeleted()
  }
  return (
    <>
      <button
        type="button"
        className="quiet danger"
        aria-label={`Delete ${title}`}
        onClick={() => dialog.current?.showModal()}
      >
        Delete
      </button>
      <dialog ref={dialog} className="confirm" aria-labelledby={headingId}>
        <h2 id={headingId}>Delete “{title}”?</h2>
        <p>
          The file, its text and what was logged of its conversion are gone for good, for everybody it is shared with
          too. What works on it is canceled. Quizzes and roadmaps that were made of it stay.
        </p>
        {refusal === null ? null : (
          <p className="failure" role="alert">
            {refusal}
          </p>
        )}
        <p className="confirm-buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Keep it
          </button>
          <button
            type="button"
            className="primary danger"
            disabled={isSending}
            onClick={() => {
              void remove()
            }}
          >
            Delete for good
          </button>
        </p>
      </dialog>
    </>
  )
}
