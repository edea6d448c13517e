import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** A file that was uploaded, on the disk of this server and not in its memory. What `Upload` arguments are. */
export interface UploadedFile {
  /** As the client calls it. */
  readonly name: string
  /** As the client says; `application/octet-stream` when it does not. */
  readonly type: string
  readonly size: number
  /** All of it, in memory. @throws Error once the request is over */
  bytes(): Promise<Uint8Array<ArrayBuffer>>
}

/** Files of one request. Disposing frees what they take; idempotent. */
export interface Spool extends AsyncDisposable {
  /**
   * Writes a stream to the disk, no faster than the disk takes it.
   * @throws whatever the stream or the disk throws; nothing of it stays
   */
  take(stream: Readable, about: Pick<UploadedFile, 'name' | 'type'>): Promise<UploadedFile>
}

/**
 * Creates a spool in the system's folder for temporary files (`TMPDIR`). A file loses its name as soon as it is open, so that
 * the system takes it back however this process ends, and nothing has to be looked for at the next start.
 */
export function createSpool(): Spool {
  const handles = new Set<FileHandle>()
  const close = async (handle: FileHandle): Promise<void> => {
    if (handles.delete(handle)) await handle.close()
  }
  return {
    async take(stream, about) {
      const path = join(tmpdir(), `tidings-upload-${randomUUID()}`)
      const handle = await open(path, 'wx+', 0o600)
      handles.add(handle)
      try {
        await unlink(path)
        let size = 0
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          await writeAll(handle, chunk)
          size += chunk.length
        }
        return { ...about, size, bytes: () => readAll(handle, size) }
      } catch (error) {
        await close(handle)
        throw error
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...handles].map(close))
    },
  }
}

/** A write may take less than it is given. */
async function writeAll(handle: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
}

async function readAll(handle: FileHandle, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(bytes, at, size - at, at)
    if (bytesRead === 0) throw new Error(`The uploaded file ends after ${at} of ${size} bytes`)
    at += bytesRead
  }
  return bytes
}
