import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import { createStudioPage, type StudioPage } from '../../src/main/studio-page.ts'
import { createTestDirectory } from '../support/directory.ts'

async function serve(page: StudioPage) {
  const server = createServer((request, response) => {
    void page.serve(request, response, request.url ?? '/').then((isServed) => {
      if (!isServed) response.writeHead(404).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function writeStudio(directory: string): Promise<{ readonly directory: string }> {
  await mkdir(join(directory, 'assets'), { recursive: true })
  await writeFile(join(directory, 'index.html'), '<!doctype html><title>Studio</title>')
  await writeFile(join(directory, 'assets/index-abc.js'), 'console.log(1)')
  await writeFile(join(directory, '.stamp'), 'private')
  return { directory }
}

test('the page may be stored and revalidated, its assets are immutable, and nothing else is served', async () => {
  await using folder = await createTestDirectory()
  const built = await writeStudio(folder.path)
  await using server = await serve(createStudioPage({ load: () => Promise.resolve(built), logger: silentLogger }))

  const page = await fetch(server.url, { headers: { 'accept-encoding': 'br, gzip' } })
  expect(await page.text()).toContain('Studio')
  expect(page.headers.get('cache-control')).toBe('no-cache')
  expect(page.headers.get('content-encoding')).toBe('br')
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  const etag = page.headers.get('etag') ?? ''
  const again = await fetch(server.url, { headers: { 'if-none-match': etag } })
  expect(again.status).toBe(304)

  const asset = await fetch(`${server.url}/assets/index-abc.js`, { headers: { 'accept-encoding': 'identity' } })
  expect(await asset.text()).toBe('console.log(1)')
  expect(asset.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  expect(asset.headers.get('cache-control')).toContain('immutable')

  for (const path of ['/.stamp', '/assets/../.stamp', '/assets/%2e%2e/.stamp', '/assets/', '/other'])
    expect((await fetch(`${server.url}${path}`)).status).toBe(404)
})

test('the page says that live updates are turned off, and nothing when they are not', async () => {
  await using folder = await createTestDirectory()
  const built = await writeStudio(folder.path)
  await writeFile(join(folder.path, 'index.html'), '<!doctype html><html><head><title>Studio</title></head></html>')
  for (const liveUpdates of [true, false]) {
    const page = createStudioPage({ load: () => Promise.resolve(built), logger: silentLogger, liveUpdates })
    await using server = await serve(page)
    const text = await (await fetch(server.url)).text()
    expect(text.includes('<meta name="tidings-live-updates" content="false">')).toBe(!liveUpdates)
    expect(text).toContain('<title>Studio</title>')
  }
})

test('a failed build is reported in the response, and retried for the next request', async () => {
  await using folder = await createTestDirectory()
  const built = await writeStudio(folder.path)
  let works = false
  const load = () => (works ? Promise.resolve(built) : Promise.reject(new Error('No space left')))
  await using server = await serve(createStudioPage({ load, logger: silentLogger }))
  const refused = await fetch(server.url)
  expect(refused.status).toBe(503)
  expect(await refused.text()).toContain('could not be built')
  works = true
  expect((await fetch(server.url)).status).toBe(200)
})
