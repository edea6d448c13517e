import { type ReactElement, type Ref, useId, useImperativeHandle, useRef } from 'react'

/** What a page can make an editor do. */
export interface CodeEditorHandle {
  /** Moves to a place, both from 1, and takes the focus. */
  goTo(line: number, column: number): void
}

/** Text with its line numbers; those with problems stand out. */
export function CodeEditor(props: {
  readonly label: string
  readonly value: string
  /** Lines with problems, and what is wrong with them. */
  readonly problems: ReadonlyMap<number, string>
  /** Null for text that is only shown. */
  readonly onChange: ((value: string) => void) | null
  readonly onSave?: () => void
  readonly ref?: Ref<CodeEditorHandle>
}): ReactElement {
  const { label, value, problems, onChange, onSave, ref } = props
  const text = useRef<HTMLTextAreaElement>(null)
  const hint = useId()
  const lines = value.split('\n')
  useImperativeHandle(
    ref,
    () => ({
      goTo(line, column) {
        const field = text.current
        if (field === null) return
        const before = field.value.split('\n').slice(0, line - 1)
        const at = before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1
        field.focus({ preventScroll: true })
        field.setSelectionRange(at, at)
        document.getElementById(`${hint}-${line}`)?.scrollIntoView({ block: 'nearest' })
      },
    }),
    [hint],
  )
  return (
    <div className="code">
      <div className="code-lines" aria-hidden="true">
        {lines.map((_, index) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
            key={index}
            id={`${hint}-${index + 1}`}
            className="code-line"
            data-problem={problems.has(index + 1)}
            title={problems.get(index + 1)}
          >
            {index + 1}
          </span>
        ))}
      </div>
      <textarea
        ref={text}
        aria-label={label}
        aria-invalid={problems.size > 0}
        className="code-text"
        wrap="off"
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        rows={lines.length}
        value={value}
        readOnly={onChange === null}
        onChange={(event) => onChange?.(event.target.value)}
        onKeyDown={(event) => {
          if ((event.ctrlKey || event.metaKey) && event.key === 's') {
            event.preventDefault()
            onSave?.()
          }
        }}
      />
    </div>
  )
}
