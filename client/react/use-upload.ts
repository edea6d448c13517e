import { useSyncExternalStore } from 'react'
import type { UploadProgress } from '../outbox/uploads.ts'
import { useTidings } from './provider.ts'

/**
 * Returns the progress of a file's upload; null while the file is not being uploaded. Works in
 * browsers only.
 * @example
 * const upload = useUpload(file)
 * if (upload !== null) return <progress value={upload.sentBytes} max={upload.totalBytes} />
 */
export function useUpload(file: Blob | null): UploadProgress | null {
  const { uploads } = useTidings()
  const read = (): UploadProgress | null => (file === null ? null : (uploads.getSnapshot().get(file) ?? null))
  return useSyncExternalStore(uploads.subscribe, read, () => null)
}
