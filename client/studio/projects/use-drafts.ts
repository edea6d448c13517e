import { useCallback, useMemo, useState } from 'react'

/** A file as the page knows it. */
export interface DraftFile {
  readonly path: string
  readonly content: string
  /** How it differs from what the server has. */
  readonly change: 'new' | 'changed' | null
}

/** The files of a project with what was changed here and not yet synced. */
export interface Drafts {
  /** By name. */
  readonly files: readonly DraftFile[]
  /** Files that were new, changed or taken away here. */
  readonly changeCount: number
  readonly write: (path: string, content: string) => void
  readonly remove: (path: string) => void
  /** Gives up all changes. */
  readonly reset: () => void
}

const nothing: ReadonlyMap<string, string | null> = new Map()

/** Keeps changes beside the files that the server has: what comes to be the same is a change no more. */
export function useDrafts(stored: readonly { readonly path: string; readonly content: string }[]): Drafts {
  /** null for a file that was taken away. */
  const [changes, setChanges] = useState(nothing)
  const write = useCallback((path: string, content: string | null) => {
    setChanges((before) => new Map([...before, [path, content]]))
  }, [])
  const reset = useCallback(() => setChanges(nothing), [])
  const remove = useCallback((path: string) => write(path, null), [write])
  const { files, changeCount } = useMemo(() => {
    const known = new Map(stored.map(({ path, content }) => [path, content]))
    const all: DraftFile[] = []
    let count = 0
    for (const path of [...new Set([...known.keys(), ...changes.keys()])].sort()) {
      const before = known.get(path)
      const now = changes.has(path) ? changes.get(path) : before
      if (now !== (before ?? null) && now !== before) count += 1
      if (now === null || now === undefined) continue
      all.push({ path, content: now, change: before === undefined ? 'new' : now === before ? null : 'changed' })
    }
    return { files: all, changeCount: count }
  }, [stored, changes])
  return { files, changeCount, write, remove, reset }
}
