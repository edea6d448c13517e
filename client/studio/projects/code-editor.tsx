import { type ReactElement, type Ref, useId, useImperativeHandle, useRef } from 'react'

/** The imperative handle of the editor. */
export interface CodeEditorHandle {
  /** Moves the cursor to a position, both numbers starting at 1, and focuses the editor. */
  goTo(line: number, column: number): void
}

/** A text editor with line numbers; lines with problems are highlighted. */
export function CodeEditor(props: {
  readonly label: string
  readonly value: string
  /** The messages of lines with problems, by line number. */
  readonly problems: ReadonlyMap<number, string>
  /** Null for read-only text. */
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
        const at = before.reduce((sum, lineText) => sum + lineText.length + 1, 0) + column - 1
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
