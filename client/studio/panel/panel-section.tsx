import { type ReactElement, type ReactNode, useId } from 'react'
import { useStoredFlag } from './use-stored.ts'

/**
 * A collapsible part of the panel; this browser remembers whether it is collapsed.
 *
 * @param props.name - the key under which that is remembered
 * @param props.brief - a summary shown while it is collapsed
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
