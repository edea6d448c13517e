import type { IncomingMessage } from 'node:http'
import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Config } from '../../config.ts'
import { ownContextOf } from '../../live/execute/own-context.ts'
import type { ServerMetrics } from '../connections/server-metrics.ts'
import type { Work } from '../connections/work.ts'
import type { ServerContext, WriteAudit } from '../request/context.ts'
import { createJsonDepthCheck } from '../request/json-depth.ts'
import { jsonTooDeep, type MultipartReading, readMultipart, tooLarge } from './multipart.ts'
import { createSpool } from './spool.ts'

/** The settings that limit the size of a request and the concurrent uploads of a viewer. */
type BodyLimits = Pick<
  Config,
  'MAX_BODY_BYTES' | 'MAX_ANONYMOUS_BODY_BYTES' | 'MAX_UPLOAD_BYTES' | 'MAX_UPLOADS_PER_VIEWER'
>

/** The minimum pace of a request body. */
export interface BodyPace {
  /** Longest time for a body without files. */
  readonly bodyMs: number
  /** The length of the windows in which an upload is measured. */
  readonly windowMs: number
  /** The minimum number of bytes that an upload must deliver in each window. */
  readonly windowBytes: number
}

/** 30 s for a megabyte; for files, less than the slowest mobile connection delivers. */
const defaultPace: BodyPace = { bodyMs: 30_000, windowMs: 20_000, windowBytes: 16_384 }

const maxFiles = 10
/** Drops a byte order mark, as `Request.json()` does. */
const utf8 = new TextDecoder()
/** Codes of bodies that are refused for exceeding a limit, as opposed to malformed ones. */
const limitCodes: readonly unknown[] = ['REQUEST_TOO_LARGE', 'REQUEST_TOO_SLOW', 'RATE_LIMITED']

/**
 * Reads request bodies up to a limit: `MAX_BODY_BYTES` (`MAX_ANONYMOUS_BODY_BYTES` without a
 * token), and for uploads `MAX_UPLOAD_BYTES` in addition. A larger body is answered with 413 as soon as its `Content-Length` shows it or the
 * limit is exceeded, a body that is too slow with 408. Files of uploads are written to disk as they
 * arrive and kept until the response is closed.
 */
export function createBodyLimitPlugin(options: {
  readonly limits: BodyLimits
  readonly metrics: ServerMetrics
  readonly note: WriteAudit
  readonly work: Work
  readonly pace: BodyPace | undefined
}): Plugin<object, ServerContext> {
  const { limits, metrics, note, work, pace = defaultPace } = options
  const uploads = new Map<string, number>()
  return {
    onRequestParse({ request, requestParser, setRequestParser, serverContext }) {
      const own = ownContextOf<ServerContext>(serverContext)
      if (request.method !== 'POST' || requestParser === undefined) return
      const isUpload = request.headers.get('content-type')?.startsWith('multipart/') === true
      const { req, viewer, from } = own
      const refusing = async <T>(read: () => Promise<T>): Promise<T> => {
        try {
          return await read()
        } catch (error) {
          metrics.refused('body')
          if (error instanceof GraphQLError && limitCodes.includes(error.extensions['code']))
            note('LIMITED', viewer, from, { reason: 'body', detail: error.message })
          throw error
        }
      }
      if (isUpload) {
        const owner = viewer?.userId ?? ''
        return setRequestParser(() =>
          refusing(() => inPlace(uploads, owner, limits, () => readUpload(own, limits, pace))),
        )
      }
      const { method, headers } = request
      const isJson = headers.get('content-type')?.toLowerCase().includes('json') === true
      setRequestParser(async () => {
        const setting =
          viewer === null && limits.MAX_ANONYMOUS_BODY_BYTES < limits.MAX_BODY_BYTES
            ? 'MAX_ANONYMOUS_BODY_BYTES'
            : 'MAX_BODY_BYTES'
        const source = { network: from.network, userId: viewer?.userId ?? null }
        const record = (bytes: number): void => work.record(source, bytes)
        const body = await refusing(() => readBody(req, { maxBytes: limits[setting], setting, pace, isJson, record }))
        const text = utf8.decode(body)
        // All that a parser reads. A `Request` would make a stream of the body, which takes longer than parsing it.
        const parts = { method, headers, text: async () => text, json: async () => JSON.parse(text) as unknown }
        return requestParser(parts as Request)
      })
    },
  }
}

/** Runs an upload, unless the viewer has reached the limit of concurrent uploads. */
async function inPlace<T>(
  uploads: Map<string, number>,
  owner: string,
  { MAX_UPLOADS_PER_VIEWER: most }: BodyLimits,
  work: () => Promise<T>,
): Promise<T> {
  const count = uploads.get(owner) ?? 0
  if (count >= most)
    throw new GraphQLError(
      `You are sending ${count} files already; wait until one has arrived (MAX_UPLOADS_PER_VIEWER)`,
      { extensions: { code: 'RATE_LIMITED', retryable: true, http: { status: 429, headers: { 'retry-after': '5' } } } },
    )
  uploads.set(owner, count + 1)
  try {
    return await work()
  } finally {
    const remainingUploads = (uploads.get(owner) ?? 1) - 1
    if (remainingUploads === 0) uploads.delete(owner)
    else uploads.set(owner, remainingUploads)
  }
}

const cut = (): GraphQLError =>
  new GraphQLError('The request was cut off', { extensions: { code: 'REQUEST_CUT', http: { status: 400 } } })
const tooSlow = (): GraphQLError =>
  new GraphQLError('The request came too slowly; send it again', {
    extensions: { code: 'REQUEST_TOO_SLOW', retryable: true, http: { status: 408 } },
  })

/**
 * Reads the whole body.
 * @throws GraphQLError when it is too large, too slow, truncated, or JSON that is nested too deeply; the rest remains unread
 */
async function readBody(
  request: IncomingMessage,
  options: {
    readonly maxBytes: number
    readonly setting: keyof BodyLimits
    readonly pace: BodyPace
    readonly isJson: boolean
    /** Called with the number of bytes that were read, also of a body that is refused. */
    readonly record: (bytes: number) => void
  },
): Promise<Buffer<ArrayBuffer>> {
  const { maxBytes, setting, pace, isJson, record } = options
  const isTooDeep = createJsonDepthCheck()
  const large = (): GraphQLError => tooLarge('request', maxBytes, setting)
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw large()
  const chunks: Buffer[] = []
  let bytes = 0
  const { promise, resolve, reject } = Promise.withResolvers<Buffer<ArrayBuffer>>()
  const stop = listen(request, {
    data(chunk) {
      bytes += chunk.length
      if (bytes > maxBytes) reject(large())
      else if (isJson && isTooDeep(chunk)) reject(jsonTooDeep('request'))
      else chunks.push(chunk)
    },
    end: () => resolve(Buffer.concat(chunks, bytes)),
    cut: () => reject(cut()),
  })
  const timer = setTimeout(() => reject(tooSlow()), pace.bodyMs).unref()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    stop()
    record(bytes)
  }
}

/** Reads the operation of a multipart request; its files exist until the response is closed. */
async function readUpload(
  { req: request, res: response }: ServerContext,
  limits: BodyLimits,
  { windowMs, windowBytes }: BodyPace,
): Promise<Awaited<MultipartReading['result']>> {
  const maxBytes = limits.MAX_UPLOAD_BYTES + limits.MAX_BODY_BYTES
  const large = (): GraphQLError => tooLarge('upload', limits.MAX_UPLOAD_BYTES, 'MAX_UPLOAD_BYTES')
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw large()
  const spool = createSpool()
  const fileLimits = { maxFieldBytes: limits.MAX_BODY_BYTES, maxFileBytes: limits.MAX_UPLOAD_BYTES, maxFiles }
  const reading = readMultipart(request.headers, fileLimits, spool)
  let bytes = 0
  let bytesBefore = 0
  const timer = setInterval(() => {
    // While the request is paused, the server is the slow side.
    if (bytes - bytesBefore < windowBytes && !request.isPaused()) reading.refuse(tooSlow())
    bytesBefore = bytes
  }, windowMs).unref()
  const stop = listen(request, {
    data(chunk) {
      bytes += chunk.length
      if (bytes > maxBytes) return reading.refuse(large())
      if (reading.write(chunk)) return
      request.pause()
      reading.whenReady(() => request.resume())
    },
    end: reading.end,
    cut: () => reading.refuse(cut()),
  })
  try {
    const params = await reading.result
    if (response.closed) await spool[Symbol.asyncDispose]()
    else response.once('close', () => void spool[Symbol.asyncDispose]())
    return params
  } finally {
    clearInterval(timer)
    stop()
  }
}

/**
 * Listens to a body. Iterating instead would destroy the request, and with it the connection,
 * before the response is sent.
 */
function listen(
  request: IncomingMessage,
  on: { readonly data: (chunk: Buffer) => void; readonly end: () => void; readonly cut: () => void },
): () => void {
  const close = (): void => {
    if (!request.complete) on.cut()
  }
  request.on('data', on.data).on('end', on.end).on('close', close)
  if (request.destroyed) close()
  return () => void request.off('data', on.data).off('end', on.end).off('close', close)
}
