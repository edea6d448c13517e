import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Config } from '../config.ts'
import type { Logger } from '../logger.ts'
import { hostInUrl, listen } from './listen.ts'
import { readFramers, writePreviewHeaders } from './preview-policy.ts'

/** A server of nothing but previews, on an origin of its own. */
export interface PreviewServer extends AsyncDisposable {
  readonly port: number
  /** Where browsers reach it, without a slash at the end; null when that is not known. */
  readonly url: string | null
  /** Says on which port the Studio is, once that is known; until then nothing may frame a preview. */
  serveFor(studioPort: number): void
}

/** A file of a preview, with its media type. */
export interface PreviewFile {
  readonly content: string
  readonly type: string
}

const longestCloseMs = 500
const everyAddress = new Set(['0.0.0.0', '::', '[::]'])

/**
 * Starts the server of previews. An address is `/<key>/<file>`; the key is the leave to see it, so it is given only to those who may.
 *
 * @param options.readFile - finds a file by the preview's key and its name, letter by letter
 * @throws TidingsError `BAD_CONFIGURATION` when it cannot listen on `HOST` and the port
 */
export async function startPreviewServer(options: {
  readonly config: Pick<Config, 'HOST' | 'PORT' | 'PREVIEW_PORT' | 'PREVIEW_URL' | 'STUDIO_URL'>
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
    const bytes = Buffer.from(body)
    response.writeHead(status, {
      ...writePreviewHeaders(base, framers),
      'content-type': `${type}; charset=utf-8`,
      'content-length': bytes.length,
    })
    response.end(isHead ? undefined : bytes)
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '' } = request
    const place = parsePlace(request.url ?? '/')
    const base = `${url ?? "'none'"}${url === null || place === null ? '' : `/${place.key}/`}`
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return answer(response, 405, base, 'text/plain', 'Previews can only be read.\n', false)
    }
    const isHead = method === 'HEAD'
    // Relative addresses in the page begin behind the last slash.
    if (place !== null && place.path === null)
      return void response.writeHead(308, { ...writePreviewHeaders(base, framers), location: `/${place.key}/` }).end()
    const file = place?.path ? await readFile(place.key, place.path) : null
    if (file === null) return answer(response, 404, base, 'text/html', nothingHere, isHead)
    answer(response, 200, base, file.type, file.content, isHead)
  }

  const server = createServer(
    { headersTimeout: 15_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000, keepAliveTimeout: 65_000 },
    (request, response) => {
      serve(request, response).catch((error: unknown) => {
        logger.warn({ err: error }, 'failed to read a file of a preview')
        if (response.headersSent) response.destroy()
        else answer(response, 503, "'none'", 'text/plain', 'The preview cannot be read now; try again.\n', false)
      })
    },
  )
  // There is no port after the last one.
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

/** The key, and the file's name; null for the path when even the slash behind the key is missing. */
function parsePlace(address: string): { readonly key: string; readonly path: string | null } | null {
  const [path = ''] = address.split(/[?#]/)
  const [, key, rest] = /^\/([\w-]{16,64})(\/.*)?$/.exec(path) ?? []
  if (key === undefined) return null
  if (rest === undefined) return { key, path: null }
  let name: string
  try {
    // Once: what is encoded twice names no file.
    name = decodeURIComponent(rest.slice(1)).normalize('NFC')
  } catch {
    return { key, path: '' }
  }
  // PostgreSQL takes no U+0000, and no file has one in its name.
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
