import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Logger } from '../engine.ts'

/** A built Studio. */
export interface BuiltStudio {
  /**
   * The directory with `index.html`, served at `/`, and `assets/`; the file names in `assets/`
   * change with their content.
   */
  readonly directory: string
}

/** The web page of the Studio applications. */
export interface StudioPage {
  /** Responds with a file of the page. @returns false when the file does not exist */
  serve(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean>
}

/**
 * Creates the Content-Security-Policy of the page: only its own scripts, styles and server, and
 * frames with previews.
 */
const writePolicy = (previewUrl: string | null): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    // Also prevents a preview from navigating its frame elsewhere.
    `frame-src ${previewUrl === null ? "'none'" : new URL(previewUrl).origin}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

interface File {
  readonly type: string
  readonly etag: string
  readonly isForEver: boolean
  /** The bodies by content encoding. */
  readonly bodies: Readonly<Record<'identity' | 'gzip' | 'br', Buffer>>
}

/**
 * Creates the page. All files are read and compressed once, in advance: they are small.
 *
 * @param options.load - builds the Studio if necessary; called at once, so that the first visitor
 * waits less, and again for the next visitor after a failure
 * @param options.previewUrl - the URL of the preview server; null by default: no previews
 * @param options.liveUpdates - false makes the page poll, by an element `meta`; true by default
 */
export function createStudioPage(options: {
  readonly load: () => Promise<BuiltStudio>
  readonly logger: Logger
  readonly previewUrl?: string | null
  readonly liveUpdates?: boolean
}): StudioPage {
  const { load, logger, previewUrl = null, liveUpdates = true } = options
  const policy = writePolicy(previewUrl)
  let files: Promise<ReadonlyMap<string, File>> | undefined
  const read = (): Promise<ReadonlyMap<string, File>> => {
    files ??= prepare(load, liveUpdates)
    files.catch(() => {
      files = undefined
    })
    return files
  }
  read().catch((error: unknown) => logger.error({ err: error }, 'failed to prepare the Studio'))

  return {
    async serve(request, response, path) {
      const name = path === '/' ? '/index.html' : path
      if (name !== '/index.html' && !name.startsWith('/assets/')) return false
      const readResult = await read().then(
        (pageFiles) => pageFiles.get(name),
        () => null,
      )
      if (readResult === null) {
        answerUnavailable(response)
        return true
      }
      if (readResult === undefined) return false
      answer(request, response, readResult, policy)
      return true
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, file: File, policy: string): void {
  const { type, etag, isForEver, bodies } = file
  const acceptedEncodings = request.headers['accept-encoding'] ?? ''
  const encoding = acceptedEncodings.includes('br') ? 'br' : acceptedEncodings.includes('gzip') ? 'gzip' : 'identity'
  const headers = {
    etag,
    'cache-control': isForEver ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-type': type,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    vary: 'Accept-Encoding',
    ...(type.startsWith('text/html') ? { 'content-security-policy': policy } : {}),
  }
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end()
  const body = bodies[encoding]
  response.writeHead(200, {
    ...headers,
    ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
    'content-length': body.length,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function answerUnavailable(response: ServerResponse): void {
  response
    .writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'retry-after': '5' })
    .end('The Studio could not be built; the log of the server says why. The API is at /graphql.\n')
}

/**
 * Another process may be replacing the page at this moment: listed files are then missing, and the
 * directory is read again.
 */
async function prepare(load: () => Promise<BuiltStudio>, liveUpdates: boolean): Promise<ReadonlyMap<string, File>> {
  try {
    return await readFiles(await load(), liveUpdates)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    return readFiles(await load(), liveUpdates)
  }
}

/** Serves listed files only, so no path leads out of the directory. */
async function readFiles({ directory }: BuiltStudio, liveUpdates: boolean): Promise<ReadonlyMap<string, File>> {
  const assets = await readdir(join(directory, 'assets'))
  const names = ['/index.html', ...assets.map((name) => `/assets/${name}`)]
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readOne(join(directory, name), { name, liveUpdates })] as const),
    ),
  )
}

const gzipAsync = promisify(gzip)
const brotliAsync = promisify(brotliCompress)

/** Read by `client/studio/main.tsx`. */
const pollingMark = '<head><meta name="tidings-live-updates" content="false">'

async function readOne(
  path: string,
  { name, liveUpdates }: { readonly name: string; readonly liveUpdates: boolean },
): Promise<File> {
  const content = await readFile(path)
  const isMarked = name === '/index.html' && !liveUpdates
  const body = isMarked ? Buffer.from(content.toString('utf8').replace('<head>', pollingMark)) : content
  const [gzipped, brotli] = await Promise.all([
    gzipAsync(body),
    // The best quality takes a second per megabyte, at every start, and saves only a twentieth.
    brotliAsync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } }),
  ])
  return {
    type: types[extname(name)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    isForEver: name.startsWith('/assets/'),
    bodies: { identity: body, gzip: gzipped, br: brotli },
  }
}
