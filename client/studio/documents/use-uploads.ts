import { useCallback, useRef, useState } from 'react'
import { ImportDocumentDocument } from '../../gql/graphql.ts'
import { useTaskMutation } from '../../react/index.ts'
import { useRoute } from '../shell/use-route.ts'

/** A file and the state of its import. */
export type Upload = { readonly key: number; readonly file: File } & (
  | { readonly is: 'waiting' | 'sending' }
  | { readonly is: 'refused'; readonly reason: string }
  | { readonly is: 'imported'; readonly documentId: string; readonly taskId: string }
)

/** The imports of this page. */
interface Uploads {
  readonly uploads: readonly Upload[]
  /** Replaces an entry by its key; null removes it from the list. */
  readonly put: (key: number, upload: Upload | null) => void
  /** Starts importing files. A single file is opened as soon as its document exists. */
  readonly take: (files: readonly File[]) => void
}

/**
 * Imports files serially.
 *
 * @param onImported - called after each file
 */
export function useUploads(onImported: () => void): Uploads {
  const { run } = useTaskMutation(ImportDocumentDocument)
  const { go } = useRoute()
  const [uploads, setUploads] = useState<readonly Upload[]>([])
  const count = useRef(0)
  const last = useRef(Promise.resolve())
  const put = useCallback((key: number, upload: Upload | null) => {
    setUploads((all) =>
      all.flatMap((existing) => (existing.key !== key ? [existing] : upload === null ? [] : [upload])),
    )
  }, [])
  const send = async (key: number, file: File, isOnly: boolean): Promise<void> => {
    put(key, { key, file, is: 'sending' })
    const { data, refusal } = await run({ input: { source: { file }, name: file.name } })
    if (data?.importDocument.__typename !== 'ImportDocumentSuccess')
      return put(key, { key, file, is: 'refused', reason: refusal ?? 'The server did not answer.' })
    const { document, task } = data.importDocument
    put(key, { key, file, is: 'imported', documentId: document.id, taskId: task.id })
    onImported()
    if (isOnly) go({ documentId: document.id })
  }
  const take = (files: readonly File[]): void => {
    const newUploads = files.map((file): Upload => ({ key: ++count.current, file, is: 'waiting' }))
    setUploads((all) => [...all, ...newUploads])
    // Serially: the first one arrives sooner, and the uploads do not share the bandwidth.
    for (const { key, file } of newUploads) last.current = last.current.then(() => send(key, file, files.length === 1))
  }
  return { uploads, put, take }
}
