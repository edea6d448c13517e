import { type ReactElement, type ReactNode, useId, useRef } from 'react'
import { Refusal } from './refusal.tsx'

/** The question that a button asks before an irreversible action. */
interface Confirmation {
  readonly question: string
  /** The labels of the answers: to confirm, and to cancel. */
  readonly yes: string
  readonly no: string
  /** Names the objects that are deleted with it and those that are kept. */
  readonly children: ReactNode
  /** Performs the action. @returns whether it succeeded */
  readonly act: () => Promise<boolean>
  readonly isSending: boolean
  /** Why the action was refused; null otherwise. */
  readonly refusal: string | null
}

/**
 * A button that asks for confirmation before it acts.
 *
 * @param props.label - the full label for screen readers
 */
export function ConfirmButton(props: Confirmation & { readonly name: string; readonly label?: string }): ReactElement {
  const { name, label, question, yes, no, children, act, isSending, refusal } = props
  const dialog = useRef<HTMLDialogElement>(null)
  const headingId = useId()
  const textId = useId()
  const confirm = async (): Promise<void> => {
    if (await act()) dialog.current?.close()
  }
  return (
    <>
      <button
        type="button"
        className="quiet danger"
        aria-label={label}
        aria-haspopup="dialog"
        onClick={() => dialog.current?.showModal()}
      >
        {name}
      </button>
      <dialog ref={dialog} className="confirm" aria-labelledby={headingId} aria-describedby={textId}>
        <h2 id={headingId}>{question}</h2>
        <p id={textId}>{children}</p>
        <Refusal text={refusal} />
        <p className="confirm-buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {no}
          </button>
          <button
            type="button"
            className="primary danger"
            disabled={isSending}
            onClick={() => {
              void confirm()
            }}
          >
            {yes}
          </button>
        </p>
      </dialog>
    </>
  )
}

/** Deletes an item permanently, after confirmation. */
export function DeleteButton({
  title,
  ...rest
}: Omit<Confirmation, 'question' | 'yes' | 'no'> & { readonly title: string }): ReactElement {
  return (
    <ConfirmButton
      name="Delete"
      label={`Delete ${title}`}
      question={`Delete “${title}”?`}
      yes="Delete for good"
      no="Keep it"
      {...rest}
    />
  )
}
