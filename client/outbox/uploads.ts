import { createStore, type Store } from '../base/store.ts'
import type { Fetch } from '../transport/http.ts'

/** The progress of one upload. */
export interface UploadProgress {
  /** Bytes of the whole request, which is little more than the file. */
  readonly sentBytes: number
  readonly totalBytes: number
}

/** The files being uploaded. */
export interface UploadStore extends Store<ReadonlyMap<Blob, UploadProgress>> {
  /**
   * Cancels the upload of a file; its mutation fails with an error. Does nothing for a file that is
   * not being uploaded.
   */
  cancel(file: Blob): void
}

/**
 * The response to a canceled upload. It must not look like a lost connection, after which it would
 * be sent again.
 */
const canceledResult = { errors: [{ message: 'The upload was canceled', extensions: { code: 'UPLOAD_CANCELED' } }] }

/**
 * Wraps `fetch` to report the progress of uploads. Requests with files are sent with
 * XMLHttpRequest, the only browser API that reports upload progress. Where it is missing, and for
 * all other requests, nothing changes.
 */
export function createUploads(plain: Fetch): { readonly fetch: Fetch; readonly uploads: UploadStore } {
  const store = createStore<ReadonlyMap<Blob, UploadProgress>>(new Map())
  const cancels = new Map<Blob, () => void>()
  const put = (files: readonly Blob[], progress: UploadProgress | null): void => {
    const next = new Map(store.getSnapshot())
    for (const file of files)
      if (progress === null) next.delete(file)
      else next.set(file, progress)
    store.set(next)
  }

  const send = async (url: string, init: RequestInit, body: FormData): Promise<Response> => {
    const files = [...body.values()].filter((value) => value instanceof Blob)
    const totalBytes = files.reduce((sum, { size }) => sum + size, 0)
    const request = new XMLHttpRequest()
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    const abort = (): void => request.abort()
    request.open(init.method ?? 'POST', url)
    for (const [name, value] of new Headers(init.headers)) request.setRequestHeader(name, value)
    request.upload.addEventListener('progress', ({ loaded, total }) =>
      put(files, { sentBytes: loaded, totalBytes: total || totalBytes }),
    )
    request.addEventListener('load', () => {
      const { status, statusText, responseText } = request
      const type = request.getResponseHeader('content-type') ?? 'text/plain'
      resolve(new Response(responseText, { status, statusText, headers: { 'content-type': type } }))
    })
    request.addEventListener('error', () => reject(new TypeError('The upload was interrupted')))
    request.addEventListener('abort', () => reject(new DOMException('The upload was aborted', 'AbortError')))
    init.signal?.addEventListener('abort', abort)
    for (const file of files)
      cancels.set(file, () => {
        resolve(Response.json(canceledResult, { status: 400 }))
        abort()
      })
    put(files, { sentBytes: 0, totalBytes })
    request.send(body)
    try {
      return await promise
    } finally {
      init.signal?.removeEventListener('abort', abort)
      for (const file of files) cancels.delete(file)
      put(files, null)
    }
  }

  return {
    fetch: (input, init) =>
      typeof XMLHttpRequest === 'undefined' || !(init?.body instanceof FormData)
        ? plain(input, init)
        : send(input instanceof Request ? input.url : String(input), init, init.body),
    uploads: {
      subscribe: store.subscribe,
      getSnapshot: store.getSnapshot,
      cancel: (file) => cancels.get(file)?.(),
    },
  }
}
