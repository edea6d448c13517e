import { type ReactElement, type ReactNode, useId } from 'react'
import { useStoredFlag } from './use-stored.ts'

/**
 * A part of the panel that can be folded up; whether it is, this browser remembers.
 *
 * @param props.name - by which it is remembered
 * @param props.brief - what there is to know of it when it is folded up
 */
export function PanelSection(props: {
  readonly name: string
  readonly title: string
  readonly brief: ReactNode
  readonly children: ReactNode
}): ReactElement {
  const { name, title, brief, children } = props
  const [isOpen, setOpen] = useStoredFlag(`panel.${name}`, true)
  const heading = useId()
  const body = useId()
  return (
    <section className="panel-section" aria-labelledby={heading}>
      <h3 id={heading}>
        <button type="button" aria-expanded={isOpen} aria-controls={body} onClick={() => setOpen(!isOpen)}>
          <span>{title}</span> {isOpen ? null : <span className="note">{brief}</span>}
        </button>
      </h3>
      <div id={body} hidden={!isOpen} className="panel-body">
        {children}
      </div>
    </section>
  )
}
