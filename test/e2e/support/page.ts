import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { vi } from 'vitest'
import { hangMs } from '../../support/patience.ts'

/** A page with separate storage, and a record of its activity. Disposing closes it. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page
  /** Names of the operations it sent over HTTP, or method and path of other requests. */
  readonly requests: string[]
  /** Uncaught errors, and errors written to the console. */
  readonly errors: string[]
  /** The number of WebSockets that it opened. */
  readonly sockets: number
}

/** A desktop without animations, which cost processor time: there is no graphics processor here. */
export const desktop: BrowserContextOptions = { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' }

/** Opens a page. @param options - of its context, in addition to those of {@link desktop} */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ ...desktop, ...options })
  const opened = await openTab(context, url)
  return Object.defineProperty(opened, Symbol.asyncDispose, { value: () => context.close() })
}

/** Opens a page in an existing context, with which it shares its storage. */
export async function openTab(context: BrowserContext, url: string): Promise<WatchedPage> {
  const page = await context.newPage()
  page.setDefaultTimeout(hangMs)
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
    // The browser itself logs each failed request; the tests make many fail.
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

/** For waits other than those of a page opened here, such as `vi.waitFor`. */
export const patience = { timeout: hangMs }

/**
 * Returns the requests except those of the inbox: it marks the notifications of earlier tasks as
 * read at a time of its choosing, so a test that counts requests excludes them.
 */
export function withoutInbox(requests: readonly string[]): readonly string[] {
  return requests.filter((name) => name !== 'MarkNotificationRead')
}

/** Locates the text of the connection indicator: the hidden copy for screen readers. */
const saying = (page: Page, title: string): Locator =>
  page.getByRole('status').getByText(`Connection: ${title}`, { exact: true })

/** Waits until the connection indicator shows this text. */
export function says(page: Page, title: string): Promise<void> {
  return saying(page, title).waitFor({ ...patience, state: 'attached' })
}

/** Presses the page's "Try now" whenever it pauses between two tries, until it is live again. */
export async function tryNow(page: Page): Promise<void> {
  const status = page.getByRole('button', { name: /^Status/ })
  const panel = page.getByRole('complementary', { name: 'Status' })
  const isOpen = (await status.getAttribute('aria-expanded')) === 'true'
  if (!isOpen) await status.click()
  await vi.waitFor(
    async () => {
      if ((await saying(page, 'Live').count()) > 0) return
      // Not during a try: that would start over.
      if ((await panel.getByText(/Next try in/).count()) > 0)
        await panel.getByRole('button', { name: 'Try now' }).click({ timeout: 1_000 })
      throw new Error('It is not live yet')
    },
    { ...patience, interval: 100 },
  )
  if (!isOpen) await status.click()
}
