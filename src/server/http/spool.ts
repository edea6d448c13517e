import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/**
 * An uploaded file, stored on the disk of this server rather than in memory. The value of `Upload`
 * arguments.
 */
export interface UploadedFile {
  /** The name sent by the client. */
  readonly name: string
  /** The media type sent by the client; `application/octet-stream` when it sent none. */
  readonly type: string
  readonly size: number
  /** Reads the whole file into memory. @throws Error once the request is over */
  bytes(): Promise<Uint8Array<ArrayBuffer>>
}

/** The files of one request. Disposing releases their disk space; idempotent. */
export interface Spool extends AsyncDisposable {
  /**
   * Writes a stream to the disk with backpressure.
   * @throws the errors of the stream and the disk; the partial file is removed
   */
  take(stream: Readable, about: Pick<UploadedFile, 'name' | 'type'>): Promise<UploadedFile>
}

/**
 * Creates a spool in the system's folder for temporary files (`TMPDIR`). A file is unlinked as soon
 * as it is open, so the operating system frees it however this process ends, and the next start has
 * nothing to clean up.
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

/** Writes a whole chunk: a single write may take only a part of it. */
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
