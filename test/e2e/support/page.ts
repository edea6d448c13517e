import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'

/** A page with its own storage, and what it did. Disposing closes it. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page
  /** Names of the operations it sent over HTTP, or method and path of other requests. */
  readonly requests: string[]
  /** Errors that nobody caught, and what was written to the console as an error. */
  readonly errors: string[]
  /** WebSockets that it opened. */
  readonly sockets: number
}

/** Opens a page. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const opened = await openTab(context, url)
  return Object.defineProperty(opened, Symbol.asyncDispose, { value: () => context.close() })
}

/** Opens a page beside others, with which it shares its storage. */
export async function openTab(context: BrowserContext, url: string): Promise<WatchedPage> {
  const page = await context.newPage()
  const requests: string[] = []
  const errors: string[] = []
  let sockets = 0
  page.on('request', (request) => {
    const { pathname } = new URL(request.url())
    const isUpload = request.headers()['content-type']?.startsWith('multipart/') === true
    const body = pathname === '/graphql' && !isUpload ? request.postDataJSON() : null
    const { operationName } = (body ?? {}) as { readonly operationName?: string }
    requests.push(operationName ?? (isUpload ? 'upload' : `${request.method()} ${pathname}`))
  })
  page.on('websocket', () => sockets++)
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    // The browser itself writes each request that fails; the tests make many fail.
    if (message.type() === 'error' && !/net::|WebSocket connection|Failed to load/.test(message.text()))
      errors.push(message.text())
  })
  await page.goto(url)
  return {
    page,
    requests,
    errors,
    get sockets() {
      return sockets
    },
    [Symbol.asyncDispose]: () => page.close(),
  }
}

/** Waits until the indicator of the connection says this; the hidden twin is what screen readers are told. */
export function says(page: Page, title: string): Promise<void> {
  return page
    .getByRole('status')
    .getByText(`Connection: ${title}`, { exact: true })
    .waitFor({ state: 'attached', timeout: 100_000 })
}
