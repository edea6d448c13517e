import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Logger } from '../../../engine.ts'
import { drainRequestBody, hostInUrl, listen, refuseRepeatedHeader } from '../../../server/index.ts'
import type { StudioConfig } from '../../config.ts'
import { guardPage } from './preview-guard.ts'
import { readFramers, writePreviewHeaders } from './preview-policy.ts'

/** A server for previews only, on a separate origin. */
export interface PreviewServer extends AsyncDisposable {
  readonly port: number
  /** The public URL of the server, without a trailing slash; null while it is unknown. */
  readonly url: string | null
  /** Sets the port of the Studio; before that no page may embed a preview. */
  serveFor(studioPort: number): void
}

/** A file of a preview, with its media type. */
interface PreviewFile {
  readonly content: string
  readonly type: string
}

const longestCloseMs = 500
const everyAddress = new Set(['0.0.0.0', '::', '[::]'])

/**
 * Starts the preview server. An address is `/<key>/<file>`. The key is the permission to read the
 * preview, so it is given only to users with access.
 *
 * @param options.readFile - finds a file by the preview's key and the exact file name
 * @throws TidingsError `BAD_CONFIGURATION` when it cannot listen on `HOST` and the port
 */
export async function startPreviewServer(options: {
  readonly config: Pick<StudioConfig, 'HOST' | 'PORT' | 'PREVIEW_PORT' | 'PREVIEW_URL' | 'STUDIO_URL'>
  readonly readFile: (key: string, path: string) => Promise<PreviewFile | null>
  readonly logger: Logger
}): Promise<PreviewServer> {
  const { config, readFile, logger } = options
  let framers: readonly string[] = ["'none'"]
  let url: string | null = null

  const answer = (
    response: ServerResponse,
    status: number,
    base: string,
    type: string,
    body: string,
    isHead: boolean,
  ): void => {
    const isPage = type === 'text/html'
    const bytes = Buffer.from(isPage ? guardPage(body) : body)
    response.writeHead(status, {
      ...writePreviewHeaders(base, framers, isPage),
      'content-type': `${type}; charset=utf-8`,
      'content-length': bytes.length,
    })
    response.end(isHead ? undefined : bytes)
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '' } = request
    if (refuseRepeatedHeader(request) !== null)
      return answer(response, 400, "'none'", 'text/plain', 'A header was sent twice.\n', false)
    const place = parsePlace(request.url ?? '/')
    const base = `${url ?? "'none'"}${url === null || place === null ? '' : `/${place.key}/`}`
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return answer(response, 405, base, 'text/plain', 'Previews can only be read.\n', false)
    }
    const isHead = method === 'HEAD'
    // Relative addresses in the page are resolved against the last slash.
    if (place !== null && place.path === null)
      return void response
        .writeHead(308, { ...writePreviewHeaders(base, framers, true), location: `/${place.key}/` })
        .end()
    const file = place?.path ? await readFile(place.key, place.path) : null
    if (file === null) return answer(response, 404, base, 'text/html', nothingHere, isHead)
    answer(response, 200, base, file.type, file.content, isHead)
  }

  const server = createServer(
    { headersTimeout: 15_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000, keepAliveTimeout: 65_000 },
    (request, response) => {
      drainRequestBody(request, response)
      serve(request, response).catch((error: unknown) => {
        logger.warn({ err: error }, 'failed to read a file of a preview')
        if (response.headersSent) response.destroy()
        else answer(response, 503, "'none'", 'text/plain', 'The preview cannot be read now; try again.\n', false)
      })
    },
  )
  // No port follows the last one.
  const isAtEnd = config.PORT === 0 || config.PORT === 65_535
  const port = await listen(server, {
    host: config.HOST,
    port: config.PREVIEW_PORT ?? (isAtEnd ? 0 : config.PORT + 1),
    setting: 'PREVIEW_PORT',
    failure: 'Previews cannot be served',
  })
  const own = everyAddress.has(config.HOST) ? null : `http://${hostInUrl(config.HOST)}:${port}`
  url = config.PREVIEW_URL?.replace(/\/+$/, '') ?? own

  return {
    port,
    url,
    serveFor(studioPort) {
      framers = readFramers(config, studioPort)
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      const late = setTimeout(() => server.closeAllConnections(), longestCloseMs)
      await closed
      clearTimeout(late)
    },
  }
}

/**
 * Parses an address into the key and the file name; `path` is null when even the slash after the
 * key is missing.
 */
function parsePlace(address: string): { readonly key: string; readonly path: string | null } | null {
  const [path = ''] = address.split(/[?#]/)
  const [, key, rest] = /^\/([\w-]{16,64})(\/.*)?$/.exec(path) ?? []
  if (key === undefined) return null
  if (rest === undefined) return { key, path: null }
  let name: string
  try {
    // Decoded once: a name that is encoded twice matches no file.
    name = decodeURIComponent(rest.slice(1)).normalize('NFC')
  } catch {
    return { key, path: '' }
  }
  // PostgreSQL rejects U+0000, and no file name contains it.
  if (name.includes('\0')) return { key, path: '' }
  return { key, path: name === '' || name.endsWith('/') ? `${name}index.html` : name }
}

const nothingHere = `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Nothing here</title>
  <style>
    :root { color-scheme: light dark; font: 1rem / 1.5 system-ui, sans-serif }
    body { display: grid; min-height: 90vh; place-content: center; text-align: center; padding: 1rem }
  </style>
  <p>There is nothing at this address: the preview has stopped, or the project has no such file.<br>
  It is started on the project’s page.</p>
</html>
`
