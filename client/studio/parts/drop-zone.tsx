import { type DragEvent, type ReactElement, useId, useRef, useState } from 'react'

const acceptedFiles =
  '.pdf,.docx,.html,.htm,.md,.markdown,.mdown,.txt,.text,application/pdf,text/html,text/markdown,text/plain,application/vnd.openxmlformats-officedocument.wordprocessingml.document'

/**
 * Accepts files by dropping or choosing them.
 *
 * @param props.invitation - describes the accepted files
 * @param props.action - the label of the button
 */
export function DropZone(props: {
  readonly invitation: string
  readonly action: string
  readonly isMany?: boolean
  readonly isDisabled?: boolean
  readonly onFiles: (files: readonly File[]) => void
}): ReactElement {
  const { invitation, action, isMany = false, isDisabled = false, onFiles } = props
  const [isOver, setOver] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const inputId = useId()
  const drop = (event: DragEvent): void => {
    event.preventDefault()
    setOver(false)
    onFiles([...event.dataTransfer.files])
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut; the button inside does the same by keyboard
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
        <strong>{invitation}</strong>
      </label>
      <input
        ref={input}
        id={inputId}
        className="tidings-hidden"
        tabIndex={-1}
        type="file"
        multiple={isMany}
        accept={acceptedFiles}
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])])
          // Allows choosing the same file again.
          event.target.value = ''
        }}
      />
      <button type="button" className="primary" disabled={isDisabled} onClick={() => input.current?.click()}>
        {action}
      </button>
    </div>
  )
}
