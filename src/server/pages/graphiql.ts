import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Viewer } from '../../tasks/model/viewer.ts'
import { type GraphiqlPart, readGraphiqlPart } from './graphiql-assets.ts'

/** An operation prepared in a tab of GraphiQL; `variables` is JSON text. */
interface GraphiqlTab {
  readonly query: string
  readonly variables?: string
}

/**
 * Reads the tabs for a page view. A browser sends no token when it navigates, so where tokens are
 * required `viewer` is null: the page is public, and the tabs must not contain any user's data.
 */
export type ReadTabs = (viewer: Viewer | null) => Promise<readonly GraphiqlTab[]>

/** GraphiQL, served from this server alone: it works without internet access. */
interface Graphiql {
  /** Responds with the page. */
  servePage(response: ServerResponse): Promise<void>
  /** Responds with a file of the page. @returns false when the file does not exist */
  serveAsset(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean>
}

/** A file of the page, read on its first request. */
interface Asset {
  readonly type: string
  readonly read: () => Promise<Buffer>
}

const javascript = 'text/javascript; charset=utf-8'
const css = 'text/css; charset=utf-8'
/** Files in `./graphiql` that the page loads. */
const ownFiles = ['page.js', 'page.css', 'event-log.js', 'operations.js', 'stored-tabs.js', 'subscribe.js'] as const
const compress = promisify(gzip)
/** Allows scripts of this server only; Monaco and GraphiQL write styles into the page. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "connect-src 'self' ws: wss:",
  // A page that embeds this one in a frame could trick its visitors into clicking on it
  // (clickjacking).
  "frame-ancestors 'none'",
].join('; ')

/**
 * Creates the pages of GraphiQL.
 *
 * @param options.endpoint - path of the API; the files are below it
 * @param options.tabs - initial operations, read for each page
 * @param options.tokensAreRequired - adds an `Authorization` header to fill in
 */
export function createGraphiql(options: {
  readonly endpoint: string
  readonly tabs: () => Promise<readonly GraphiqlTab[]>
  readonly tokensAreRequired: boolean
}): Graphiql {
  const { endpoint, tabs, tokensAreRequired } = options
  const assets = createAssets()
  const packedAssets = new Map<string, Promise<{ plain: Buffer; packed: Buffer; etag: string }>>()
  const load = (name: string, { read }: Asset) => {
    let entry = packedAssets.get(name)
    if (entry === undefined) {
      entry = pack(read)
      entry.catch(() => packedAssets.delete(name))
      packedAssets.set(name, entry)
    }
    return entry
  }
  const base = `${endpoint}/assets`

  return {
    async servePage(response) {
      const defaultTabs = await tabs()
      const page = renderPage({
        endpoint,
        base,
        workers: Object.fromEntries(workerLabels.map((label) => [label, `${base}/${label}.worker.js`])),
        options: {
          title: 'Tidings',
          // GraphiQL fails with an empty list.
          ...(defaultTabs.length === 0 ? {} : { defaultTabs }),
          ...(tokensAreRequired ? { defaultHeaders: '{\n  "Authorization": "Bearer "\n}' } : {}),
          // A token in localStorage would outlive the visit.
          shouldPersistHeaders: false,
        },
      })
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy': contentSecurityPolicy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      })
      response.end(page)
    },
    async serveAsset(request, response, path) {
      const name = path.slice(base.length + 1)
      const asset = assets.get(name)
      if (!path.startsWith(`${base}/`) || asset === undefined) return false
      const { plain, packed: small, etag } = await load(name, asset)
      const headers = {
        etag,
        // Revalidated on each load: costs a round trip without a body, and is correct right after
        // an update.
        'cache-control': 'public, no-cache',
        'content-type': asset.type,
        'x-content-type-options': 'nosniff',
        vary: 'Accept-Encoding',
      }
      if (request.headers['if-none-match'] === etag) response.writeHead(304, headers).end()
      else if (request.headers['accept-encoding']?.includes('gzip') === true)
        response.writeHead(200, { ...headers, 'content-encoding': 'gzip', 'content-length': small.length }).end(small)
      else response.writeHead(200, { ...headers, 'content-length': plain.length }).end(plain)
      return true
    },
  }
}

/** The server's icon. */
export async function serveFavicon(response: ServerResponse): Promise<void> {
  const icon = await readFile(new URL('./graphiql/favicon.svg', import.meta.url))
  response.writeHead(200, { 'content-type': 'image/svg+xml', 'cache-control': 'public, max-age=86400' }).end(icon)
}

const workerLabels = ['editorWorkerService', 'json', 'graphql'] as const

/** Creates the assets, keyed by path below the folder of assets. */
function createAssets(): ReadonlyMap<string, Asset> {
  const part = (type: string, name: GraphiqlPart): Asset => ({ type, read: () => readGraphiqlPart(name) })
  const own = (name: string): [string, Asset] => [
    name,
    {
      type: name.endsWith('.css') ? css : javascript,
      read: () => readFile(new URL(`./graphiql/${name}`, import.meta.url)),
    },
  ]
  const client = new URL(import.meta.resolve('graphql-ws/client'))
  return new Map([
    ['graphiql.js', part(javascript, 'js')],
    ['graphiql.css', part(css, 'css')],
    ['editorWorkerService.worker.js', part(javascript, 'editorWorkerService')],
    ['json.worker.js', part(javascript, 'jsonWorker')],
    ['graphql.worker.js', part(javascript, 'graphqlWorker')],
    ...ownFiles.map(own),
    ['graphql-ws/client.js', { type: javascript, read: () => readFile(client) }],
    // Its imports have a hash in their names.
    ...graphqlWsParts(client),
  ])
}

function graphqlWsParts(client: URL): [string, Asset][] {
  const text = readFileSync(client, 'utf8')
  return [...text.matchAll(/from\s*["']\.\/([\w-]+\.js)["']/g)].flatMap(([, name]): [string, Asset][] =>
    name === undefined
      ? []
      : [[`graphql-ws/${name}`, { type: javascript, read: () => readFile(new URL(name, client)) }]],
  )
}

async function pack(read: () => Promise<Buffer>): Promise<{ plain: Buffer; packed: Buffer; etag: string }> {
  const plain = await read()
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`
  return { plain, packed: await compress(plain, { level: 6 }), etag }
}

function renderPage(page: {
  readonly endpoint: string
  readonly base: string
  readonly workers: Readonly<Record<string, string>>
  readonly options: object
}): string {
  const { endpoint, base, workers, options } = page
  // "</script>" inside an operation would end the element.
  const json = JSON.stringify({ endpoint, workers, options }).replaceAll('<', '\\u003c')
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Tidings</title>
    <link rel="icon" href="/favicon.svg">
    <link rel="stylesheet" href="${base}/graphiql.css">
    <link rel="stylesheet" href="${base}/page.css">
  </head>
  <body>
    <noscript>GraphiQL needs JavaScript.</noscript>
    <div id="root"></div>
    <script type="application/json" id="options">${json}</script>
    <script src="${base}/graphiql.js"></script>
    <script type="module" src="${base}/page.js"></script>
  </body>
</html>
`
}
