import { type FormEvent, type ReactElement, useState } from 'react'
import { StatusIcon } from '../parts/icons.tsx'

/** A file in the list. */
export interface ListedFile {
  readonly path: string
  /** A text beside the name; null for none. */
  readonly note: string | null
  /** The status while it is being generated, or has problems: see `StatusIcon`. */
  readonly status: string | null
}

/** The files of a project, with files in folders listed below their folder. */
export function FileList(props: {
  readonly files: readonly ListedFile[]
  readonly selected: string | null
  readonly onSelect: (path: string) => void
  /** Null while no file can be added. */
  readonly onAdd: ((path: string) => void) | null
}): ReactElement {
  const { files, selected, onSelect, onAdd } = props
  return (
    <nav className="files" aria-label="Files">
      <ul>
        {files.map(({ path, note, status }) => {
          const folders = path.split('/')
          return (
            <li key={path} data-depth={Math.min(3, folders.length - 1)}>
              <button
                type="button"
                className="file"
                aria-current={path === selected ? 'true' : undefined}
                title={path}
                onClick={() => onSelect(path)}
              >
                {status === null ? null : <StatusIcon status={status} />}
                <span className="file-name">
                  {folders.length > 1 ? <span className="file-folder">{folders.slice(0, -1).join('/')}/</span> : null}
                  {folders.at(-1)}
                </span>
                {note === null ? null : <span className="file-note">{note}</span>}
              </button>
            </li>
          )
        })}
      </ul>
      {onAdd === null ? null : <AddFile onAdd={onAdd} />}
    </nav>
  )
}

function AddFile({ onAdd }: { readonly onAdd: (path: string) => void }): ReactElement {
  const [name, setName] = useState<string | null>(null)
  if (name === null)
    return (
      <button type="button" className="quiet" onClick={() => setName('')}>
        Add a file
      </button>
    )
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (name.trim() !== '') onAdd(name.trim())
    setName(null)
  }
  return (
    <form className="add-file" onSubmit={submit}>
      <input
        // biome-ignore lint/a11y/noAutofocus: it was asked for with the button that it replaces
        autoFocus
        aria-label="New file name"
        placeholder="notes.html"
        value={name}
        onChange={(event) => setName(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setName(null)
        }}
      />
      <button type="submit" className="quiet">
        Add
      </button>
    </form>
  )
}
