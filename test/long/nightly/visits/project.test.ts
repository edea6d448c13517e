import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Frame, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shareBrowser } from '../../../e2e/support/browser.ts'
import { openPage } from '../../../e2e/support/page.ts'
import { importReadme, makeProject } from '../../../e2e/support/project.ts'
import { startWorld, type World } from '../../../e2e/support/world.ts'

let browser: Browser
let world: World
let documentId: string
beforeAll(async () => {
  ;[browser, world] = await Promise.all([
    shareBrowser(),
    startWorld({ CONTENT_PROVIDER: 'extractive', CONTENT_PACE_MS: '15' }),
  ])
  documentId = await importReadme(world, 'ws')
})
afterAll(() => world?.[Symbol.asyncDispose]())

const preview = (page: Page) => page.frameLocator('iframe')
const badge = (page: Page, status: string) =>
  page.getByRole('region', { name: 'Preview' }).locator('.preview-badge', { hasText: status })
const open = (page: Page, path: string): Promise<void> =>
  page.getByRole('navigation', { name: 'Files' }).getByRole('button', { name: path }).click()

describe('a project in the Studio', () => {
  test('is generated live, works in its preview, is edited, fixed and synced', async () => {
    await using opened = await openPage(browser, `${world.url}/?page=projects`)
    const { page } = opened
    await page.getByLabel('Source').selectOption(documentId)
    await page.getByRole('radio', { name: /Flash cards/ }).check()
    await page.getByRole('button', { name: 'Make the project' }).click()
    await page.waitForURL(/project=/)
    // One file can be read while others are being generated, also by a page that loads during the
    // task.
    await page.getByRole('heading', { name: 'cards.js' }).waitFor()
    await page.reload()
    // On a fast machine the rest may be ready before the page is.
    await page.getByRole('progressbar', { name: 'Generating project' }).or(badge(page, 'Ready')).first().waitFor()
    await badge(page, 'Ready').waitFor()

    const card = preview(page).getByRole('button', { name: 'Press to turn' })
    await card.waitFor()
    await preview(page).getByText('Card 1 of 12, 0 known').waitFor()
    await card.click()
    expect(await preview(page).locator('#card').getAttribute('data-side')).toBe('back')
    await preview(page).getByRole('button', { name: 'I knew it' }).click()
    await preview(page).getByText('Card 1 of 11, 1 known').waitFor()

    await open(page, 'app.js')
    const editor = page.getByLabel('Content of app.js')
    const script = await editor.inputValue()
    await editor.fill(`let a = 1\nlet b = ;\n${script}`)
    await open(page, 'style.css')
    await page.getByLabel('Content of style.css').press('Control+s')
    await page.getByRole('button', { name: 'app.js, line 2, column 9 Unexpected token' }).click()
    // Changes and their problems survive a reload.
    await page.reload()
    await page.getByRole('button', { name: 'app.js, line 2, column 9 Unexpected token' }).click()
    // It links to the file and the line, and nothing has changed so far.
    expect(
      await editor.evaluate((field) => [
        document.activeElement === field,
        (field as HTMLTextAreaElement).selectionStart,
      ]),
    ).toEqual([true, 18])
    expect(await page.locator('.code-line[data-problem="true"]').textContent()).toBe('2')
    await preview(page).getByText('Card 1 of 12, 0 known').waitFor()

    await editor.fill(script.replace('`Card ', '`Mended card '))
    await page.getByRole('button', { name: 'Sync 1 change' }).click()
    // The frame reloads automatically.
    await preview(page).getByText('Mended card 1 of 12, 0 known').waitFor()
    await page.getByRole('region', { name: 'Problems' }).waitFor({ state: 'detached' })
    await page.getByText('version 2').first().waitFor()
    expect(opened.errors).toEqual([])

    await page.getByRole('button', { name: 'Stop' }).click()
    await badge(page, 'Stopped').waitFor()
    await page.getByRole('button', { name: /^Delete (?!file)/ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click()
    await page.getByRole('heading', { name: 'Small web projects from your documents.' }).waitFor()
    await page.getByText('None yet.').waitFor()
  })

  test('has a preview that stops when it is not used, and starts again at another address', async () => {
    await using own = await startWorld({
      CONTENT_PROVIDER: 'extractive',
      CONTENT_PACE_MS: '0',
      PREVIEW_IDLE_MS: '3000',
    })
    const { id, address } = await makeProject(own, await importReadme(own, 'ws'))
    await using opened = await openPage(browser, `${own.url}/?project=${id}`)
    const { page } = opened
    await badge(page, 'Stopped').waitFor()
    expect((await fetch(address)).status).toBe(404)
    await page.getByRole('button', { name: 'Start the preview' }).click()
    await preview(page).getByText('Press to turn').waitFor()
    expect(await page.locator('iframe').getAttribute('src')).not.toBe(address)
    await badge(page, 'Stopped').waitFor()
    expect(await page.locator('iframe').count()).toBe(0)
  })
})

/**
 * Attempts of a project to access foreign data. Each reports `kept out: …`, or the obtained data.
 */
const attempts = (studio: string): string => `
const results = {}
const attempt = async (name, run) => {
  try {
    results[name] = 'got ' + String(await run())
  } catch (error) {
    results[name] = 'kept out: ' + error.name
  }
  document.getElementById('progress').textContent = name
}
const event = (target, good, bad) =>
  new Promise((resolve, reject) => {
    target.addEventListener(good, () => resolve(good))
    target.addEventListener(bad, () => reject(new Error(bad)))
  })
const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: '{ viewer { id } }' }) }
async function run() {
  const own = await fetch('data.json')
  results.own = 'got ' + (await own.json()).word
  await attempt('api', async () => (await fetch('${studio}/graphql', post)).status)
  await attempt('api without asking', async () => (await fetch('${studio}/graphql?query={viewer{id}}', { mode: 'no-cors' })).type)
  await attempt('other previews', async () => (await fetch('/')).status)
  await attempt('socket', () => event(new WebSocket('${studio.replace('http', 'ws')}/graphql', 'graphql-transport-ws'), 'open', 'error'))
  await attempt('image', () => {
    const image = new Image()
    image.src = '${studio}/favicon.svg'
    return event(image, 'load', 'error')
  })
  await attempt('script', () => {
    const script = document.createElement('script')
    script.src = '${studio}/graphql/assets/page.js'
    document.head.append(script)
    return event(script, 'load', 'error')
  })
  await attempt('beacon', () => {
    if (!navigator.sendBeacon('${studio}/graphql', 'x')) throw new Error('refused')
    return new Promise((resolve, reject) => {
      document.addEventListener('securitypolicyviolation', ({ blockedURI }) => blockedURI.includes('/graphql') && reject(new Error('policy')))
      setTimeout(() => resolve('sent'), 1000)
    })
  })
  await attempt('cookies', () => document.cookie)
  await attempt('local storage', () => localStorage.length)
  await attempt('session storage', () => sessionStorage.getItem('tidings.token'))
  await attempt('databases', async () => (await indexedDB.databases()).length)
  await attempt('caches', async () => (await caches.keys()).length)
  await attempt('service worker', async () => (await navigator.serviceWorker.register('data.json')).scope)
  await attempt('worker', () => event(new Worker('data.json'), 'message', 'error'))
  await attempt('pop-up', () => {
    if (open('${studio}/') === null) throw new Error('none')
    return 'a window'
  })
  await attempt('eval', () => eval('1'))
  await attempt('WebRTC', () => new RTCPeerConnection())
  const nested = async (fill) => {
    const frame = document.createElement('iframe')
    const host = document.body.appendChild(document.createElement('p'))
    const root = fill(frame, host)
    ;(root ?? host).append(frame)
    const said = event(window, 'message', 'never')
    const given = await Promise.race([said, new Promise((resolve) => setTimeout(resolve, 1000))])
    if (given === undefined) throw new Error('silent')
    return given
  }
  await attempt('WebRTC of a frame', () => nested((frame) => {
    frame.srcdoc = '<script>parent.postMessage(typeof RTCPeerConnection, "*")<' + '/script>'
  }))
  await attempt('WebRTC of a script frame', () => nested((frame) => {
    frame.src = 'javascript:parent.postMessage(typeof RTCPeerConnection, "*")'
  }))
  await attempt('WebRTC of a frame in a shadow', () => nested((frame, host) => {
    frame.srcdoc = '<script>parent.postMessage(typeof RTCPeerConnection, "*")<' + '/script>'
    return host.attachShadow({ mode: 'closed' })
  }))
  if (parent !== window) {
    await attempt('parent document', () => parent.document.title)
    await attempt('parent location', () => parent.location.href)
    await attempt('parent token', () => parent.tidingsToken)
    await attempt('top navigation', () => {
      top.location.href = '${studio}/?page=hijacked'
      return 'away'
    })
  }
  const frame = document.createElement('iframe')
  frame.src = '${studio}/'
  document.body.append(frame)
  // Removed before it loads; the policy would refuse it as well.
  await attempt('nested frame', async () => {
    await new Promise((resolve) => setTimeout(resolve))
    if (!frame.isConnected) throw new Error('removed')
    return 'a frame'
  })
  // In a frame the Studio's own policy stops it first, and leaves an error in place of the page.
  if (parent === window) await submit()
  results.origin = String(self.origin)
  document.getElementById('results').textContent = JSON.stringify(results)
}
async function submit() {
  const form = document.createElement('form')
  form.action = '${studio}/graphql'
  form.method = 'post'
  document.body.append(form)
  await attempt('form', () =>
    new Promise((resolve, reject) => {
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => effectiveDirective === 'form-action' && reject(new Error('policy')))
      form.submit()
      setTimeout(() => resolve('sent'), 1000)
    }),
  )
}
run()
`
const hostileFiles = (studio: string) => [
  {
    path: 'index.html',
    content:
      '<!doctype html><title>Hostile</title><p>Hello</p><p id="progress"></p><pre id="results"></pre><script src="app.js"></script>',
  },
  { path: 'app.js', content: attempts(studio) },
  { path: 'data.json', content: '{ "word": "own" }' },
]
async function readResults(frame: Pick<Frame, 'locator'>): Promise<Record<string, string>> {
  await expect.poll(() => frame.locator('#results').textContent()).toMatch(/^\{/)
  return JSON.parse((await frame.locator('#results').textContent()) ?? '') as Record<string, string>
}
const expectKeptOut = ({ own, origin, ...rest }: Record<string, string>, count: number): void => {
  expect([own, origin]).toEqual(['got own', 'null'])
  expect(Object.entries(rest).filter(([, result]) => !result.startsWith('kept out'))).toEqual([])
  expect(Object.keys(rest)).toHaveLength(count)
}

describe('the content of a project', () => {
  let hostile: { readonly id: string; readonly address: string }
  beforeAll(async () => {
    hostile = await makeProject(world, documentId, hostileFiles(world.url))
  })

  test('cannot act as the Studio’s user from its frame', async () => {
    await using opened = await openPage(browser, `${world.url}/?project=${hostile.id}`)
    const { page } = opened
    // Data that a page with a token holds.
    await page.evaluate(() => {
      sessionStorage.setItem('tidings.token', 'secret')
      // biome-ignore lint/suspicious/noDocumentCookie: it is what the preview is to be kept from
      document.cookie = 'token=secret'
    })
    const frame = await (await page.locator('iframe').elementHandle())?.contentFrame()
    if (!frame) throw new Error('There is no frame')
    expectKeptOut(await readResults(frame), 25)
    expect(page.url()).toBe(`${world.url}/?project=${hostile.id}`)
    // Nor can it navigate its frame elsewhere, with data in the address.
    await frame.evaluate((studio) => {
      location.href = `${studio}/?page=projects`
    }, world.url)
    await expect.poll(() => page.frames().at(-1)?.url()).toBe('chrome-error://chromewebdata/')
    await page.getByRole('heading', { name: 'ws' }).first().waitFor()
  })

  test('cannot act as the user when its address is opened in a separate tab', async () => {
    const context = await browser.newContext()
    try {
      await context.addCookies([{ name: 'token', value: 'secret', url: world.url }])
      const page = await context.newPage()
      await page.goto(hostile.address)
      expectKeptOut(await readResults(page.mainFrame()), 22)
    } finally {
      await context.close()
    }
  })

  test('is shown in a frame by the Studio only', async () => {
    const other = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end(`<!doctype html><iframe src="${hostile.address}"></iframe>`)
    }).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const context = await browser.newContext()
    try {
      const page = await context.newPage()
      const refused = page.waitForEvent('console', {
        predicate: (message) => message.text().includes('frame-ancestors'),
      })
      await page.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`)
      await refused
      expect(await page.frameLocator('iframe').getByText('Hello').count()).toBe(0)
    } finally {
      await context.close()
      other.closeAllConnections()
      other.close()
    }
  })

  test('is refused by the API if a request ever reaches it', async () => {
    for (const origin of ['null', new URL(hostile.address).origin]) {
      const answer = await fetch(`${world.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin },
        body: JSON.stringify({ query: '{ viewer { id } }' }),
      })
      expect(answer.status).toBe(403)
    }
  })
})
