import { type ReactElement, type ReactNode, useId, useRef } from 'react'

/**
 * Deletes something for good, after asking.
 *
 * @param props.children - what goes with it and what stays
 * @param props.remove - resolves with whether it is gone
 * @param props.refusal - why it is not
 */
export function DeleteButton(props: {
  readonly title: string
  readonly children: ReactNode
  readonly remove: () => Promise<boolean>
  readonly isSending: boolean
  readonly refusal: string | null
}): ReactElement {
  const { title, children, remove, isSending, refusal } = props
  const dialog = useRef<HTMLDialogElement>(null)
  const headingId = useId()
  const confirm = async (): Promise<void> => {
    if (await remove()) dialog.current?.close()
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
        <p>{children}</p>
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
              void confirm()
            }}
          >
            Delete for good
          </button>
        </p>
      </dialog>
    </>
  )
}
