import { useCallback, useEffect, useMemo, useState } from 'react'

/** A file in its edited state. */
interface DraftFile {
  readonly path: string
  readonly content: string
  /** The difference from the server's version; null when there is none. */
  readonly change: 'new' | 'changed' | null
  /** Its size on the server; 0 for a new file. */
  readonly storedBytes: number
}

/** The files of a project, including changes that are not synced yet. */
interface Drafts {
  /** Sorted by path. */
  readonly files: readonly DraftFile[]
  /** The number of files that were added, changed or removed here. */
  readonly changeCount: number
  readonly write: (path: string, content: string) => void
  readonly remove: (path: string) => void
  /** Discards all changes. */
  readonly reset: () => void
}

/** Contents by path; null for a removed file. */
type Changes = ReadonlyMap<string, string | null>
interface StoredFile {
  readonly path: string
  readonly content: string
  readonly sizeBytes: number
}

const noChanges: Changes = new Map()
const keyOf = (projectId: string): string => `tidings.drafts.${projectId}`

/**
 * Stores changes separately from the server's files, per tab, so that a reload loses none. A change
 * that has become equal to the server's version is dropped.
 */
export function useDrafts(projectId: string, stored: readonly StoredFile[]): Drafts {
  const [changes, setChanges] = useState(() => recall(projectId))
  useEffect(() => keep(projectId, changes), [projectId, changes])
  useEffect(() => {
    const storedContents = new Map(stored.map(({ path, content }) => [path, content]))
    setChanges((before) => {
      const remainingChanges = new Map(
        [...before].filter(([path, content]) => content !== (storedContents.get(path) ?? null)),
      )
      return remainingChanges.size === before.size ? before : remainingChanges
    })
  }, [stored])
  const write = useCallback((path: string, content: string | null) => {
    setChanges((before) => new Map([...before, [path, content]]))
  }, [])
  const reset = useCallback(() => setChanges(noChanges), [])
  const remove = useCallback((path: string) => write(path, null), [write])
  const { files, changeCount } = useMemo(() => merge(stored, changes), [stored, changes])
  return { files, changeCount, write, remove, reset }
}

function merge(stored: readonly StoredFile[], changes: Changes): Pick<Drafts, 'files' | 'changeCount'> {
  const storedFiles = new Map(stored.map((file) => [file.path, file]))
  const files: DraftFile[] = []
  let changeCount = 0
  for (const path of [...new Set([...storedFiles.keys(), ...changes.keys()])].sort()) {
    const file = storedFiles.get(path)
    const before = file?.content ?? null
    const now = changes.has(path) ? (changes.get(path) ?? null) : before
    if (now !== before) changeCount += 1
    if (now === null) continue
    const change = before === null ? 'new' : now === before ? null : 'changed'
    files.push({ path, content: now, change, storedBytes: file?.sizeBytes ?? 0 })
  }
  return { files, changeCount }
}

function recall(projectId: string): Changes {
  const text = sessionStorage.getItem(keyOf(projectId))
  return text === null ? noChanges : new Map(JSON.parse(text) as [string, string | null][])
}

function keep(projectId: string, changes: Changes): void {
  try {
    if (changes.size === 0) sessionStorage.removeItem(keyOf(projectId))
    else sessionStorage.setItem(keyOf(projectId), JSON.stringify([...changes]))
  } catch (error) {
    console.warn('What was changed here does not fit into the storage of this tab; a reload would lose it', error)
  }
}
