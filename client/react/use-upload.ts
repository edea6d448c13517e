import { useSyncExternalStore } from 'react'
import type { UploadProgress } from '../live/uploads.ts'
import { useTidings } from './provider.ts'

/** How much of a file has been sent; null while it is not on its way. In browsers only. */
export function useUpload(file: Blob | null): UploadProgress | null {
  const { uploads } = useTidings()
  const read = (): UploadProgress | null => (file === null ? null : (uploads.getSnapshot().get(file) ?? null))
  return useSyncExternalStore(uploads.subscribe, read, () => null)
}
