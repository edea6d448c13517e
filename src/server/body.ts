import type { IncomingMessage, ServerResponse } from 'node:http'
import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Config } from '../config.ts'
import type { ServerContext } from './context.ts'
import type { ServerMetrics } from './metrics.ts'

/** The settings that say how large a request may be. */
export type BodyLimits = Pick<Config, 'MAX_BODY_BYTES' | 'MAX_UPLOAD_BYTES'>

/** How long a client that sends too much may take to notice, before its connection is cut. */
const lingerMs = 1_000

/**
 * Reads request bodies up to a limit, and no further: `MAX_BODY_BYTES`, or for uploads `MAX_UPLOAD_BYTES` beside that.
 * What is larger is answered with 413, as soon as its `Content-Length` says so or the limit is passed.
 */
export function createBodyLimitPlugin(limits: BodyLimits, metrics: ServerMetrics): Plugin<object, ServerContext> {
  return {
    onRequestParse({ request, requestParser, setRequestParser, serverContext }) {
      if (request.method !== 'POST' || requestParser === undefined) return
      const isUpload = request.headers.get('content-type')?.startsWith('multipart/') === true
      const maxBytes = isUpload ? limits.MAX_UPLOAD_BYTES + limits.MAX_BODY_BYTES : limits.MAX_BODY_BYTES
      const setting = isUpload ? 'MAX_UPLOAD_BYTES' : 'MAX_BODY_BYTES'
      const { req, res } = serverContext
      const { method, headers, url } = request
      setRequestParser(async () => {
        const body = await readBody(req, maxBytes)
        if (body === null) {
          metrics.refused('body')
          abandon(req, res)
          const most = isUpload ? limits.MAX_UPLOAD_BYTES : maxBytes
          throw new GraphQLError(`The request is too large; at most ${most} bytes are allowed (${setting})`, {
            extensions: { code: 'REQUEST_TOO_LARGE', http: { status: 413 } },
          })
        }
        return requestParser(new Request(url, { method, headers: new Headers([...headers]), body }))
      })
    },
  }
}

/** The whole body, or null when it is larger than `maxBytes`; then the rest is left unread. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer<ArrayBuffer> | null> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return null
  const chunks: Buffer[] = []
  let bytes = 0
  // Iterating would destroy the request, and with it the connection, before it is answered.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, bytes)
}

/** Throws the rest of a body away, so that the client gets to read the answer, but not for ever. */
function abandon(request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  response.once('finish', () => {
    if (request.complete) return
    const timer = setTimeout(() => {
      if (!request.complete) request.socket.destroy()
    }, lingerMs)
    timer.unref()
  })
}
