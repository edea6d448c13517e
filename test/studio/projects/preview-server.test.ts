import { once } from 'node:events'
import { connect } from 'node:net'
import { Script } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/logger.ts'
import { parseStudioConfig } from '../../../src/studio/config.ts'
import { guardPage } from '../../../src/studio/projects/preview/preview-guard.ts'
import { type PreviewServer, startPreviewServer } from '../../../src/studio/projects/preview/preview-server.ts'

const key = 'k'.repeat(22)
const files: Readonly<Record<string, string>> = {
  'index.html': '<!doctype html><p>Hello',
  'a b/ü.js': '1',
  'sub/index.html': '<p>Sub',
}
const config = (environment: Record<string, string> = {}) =>
  parseStudioConfig({ NODE_ENV: 'test', PORT: '4000', PREVIEW_PORT: '0', ...environment })

async function start(environment: Record<string, string> = {}, asked: string[] = []): Promise<PreviewServer> {
  const server = await startPreviewServer({
    config: config(environment),
    logger: silentLogger,
    readFile: (given, path) => {
      asked.push(path)
      if (path === 'broken.html') return Promise.reject(new Error('the secret is 42'))
      const content = given === key ? files[path] : undefined
      return Promise.resolve(
        content === undefined ? null : { content, type: path.endsWith('.js') ? 'text/javascript' : 'text/html' },
      )
    },
  })
  server.serveFor(4000)
  return server
}

/** Sends a request with its target unchanged, which `fetch` would normalize. */
async function rawGet(port: number, target: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const part of socket.setEncoding('utf8')) text += part
  return text
}

describe('the preview server', () => {
  it('isolates its content in every response', async () => {
    await using server = await start()
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
    const base = `${server.url}/${key}/`
    for (const [path, status] of [
      ['', 200],
      ['none.html', 404],
      ['broken.html', 503],
    ] as const) {
      const answer = await fetch(`${base}${path}`)
      expect(answer.status).toBe(status)
      const policy = answer.headers.get('content-security-policy') ?? ''
      const directives = new Map(policy.split('; ').map((one) => [one.split(' ')[0], one.split(' ').slice(1)]))
      expect(directives.get('sandbox')).toEqual(['allow-scripts', 'allow-forms'])
      expect(directives.get('default-src')).toEqual(["'none'"])
      expect(directives.get('form-action')).toEqual(["'none'"])
      expect(directives.get('frame-src')).toEqual(["'none'"])
      expect(directives.get('frame-ancestors')).toEqual(['http://127.0.0.1:4000', 'http://localhost:4000'])
      if (status !== 503) expect(directives.get('connect-src')).toEqual([base])
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('set-cookie')).toBeNull()
      expect(await answer.text()).not.toContain('secret')
    }
  })

  it('finds files by their exact name, and folders by their index page', async () => {
    const asked: string[] = []
    await using server = await start({}, asked)
    const read = async (path: string): Promise<readonly [number, string]> => {
      const answer = await fetch(`${server.url}/${path}`)
      return [answer.status, await answer.text()]
    }
    expect(await read(`${key}/?v=1`)).toEqual([200, guardPage(files['index.html'] ?? '')])
    expect(await read(`${key}/sub/`)).toEqual([200, guardPage(files['sub/index.html'] ?? '')])
    expect(await read(`${key}/a%20b/u%CC%88.js`)).toEqual([200, '1'])
    expect((await read(`${key}/INDEX.html`))[0]).toBe(404)
    expect((await read(`${'x'.repeat(22)}/`))[0]).toBe(404)
    expect((await read(''))[0]).toBe(404)
    asked.length = 0
    for (const target of [
      `/${key}/../../etc/passwd`,
      `/${key}/%2e%2e/%2e%2e/etc/passwd`,
      `/${key}/%252e%252e/x`,
      `/${key}//etc/passwd`,
      `/${key}/..\\x`,
      `/${key}/%00`,
      `/${key}/%ff`,
      `//${key}/index.html`,
      `/../${key}/index.html`,
      'http://elsewhere/x',
      '*',
    ])
      expect(await rawGet(server.port, target)).toMatch(/^HTTP\/1\.1 (404|400) /)
    // Names that reached the store are ones that no file can have.
    expect(asked.filter((path) => path in files)).toEqual([])
  })

  it('redirects to the slash behind the key, and accepts only reads', async () => {
    await using server = await start()
    const answer = await fetch(`${server.url}/${key}`, { redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([308, `/${key}/`])
    const posted = await fetch(`${server.url}/${key}/`, { method: 'POST' })
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    const head = await fetch(`${server.url}/${key}/`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('takes its public address and that of the Studio from the configuration', async () => {
    await using server = await start({
      PREVIEW_URL: 'https://preview.example.com/',
      STUDIO_URL: 'https://studio.example.com/x',
    })
    expect(server.url).toBe('https://preview.example.com')
    const { headers } = await fetch(`http://127.0.0.1:${server.port}/${key}/`)
    expect(headers.get('content-security-policy')).toContain(
      `script-src 'unsafe-inline' https://preview.example.com/${key}/`,
    )
    expect(headers.get('content-security-policy')).toMatch(/frame-ancestors https:\/\/studio\.example\.com$/)
  })

  it('does not claim an unknown address', async () => {
    await using server = await start({ HOST: '0.0.0.0', JWT_SECRET: 's'.repeat(32) })
    expect(server.url).toBeNull()
  })

  it('takes the port after the server’s own, and says what to do when that is in use', async () => {
    await using first = await start()
    const taken = startPreviewServer({
      config: parseStudioConfig({ NODE_ENV: 'test', PORT: String(first.port - 1) }),
      logger: silentLogger,
      readFile: () => Promise.resolve(null),
    })
    await expect(taken).rejects.toThrow(
      `Previews cannot be served on 127.0.0.1: the port ${first.port} is in use; end what uses it, or set PREVIEW_PORT to another one (0 takes a free one)`,
    )
  })
})

describe('the guard of a page', () => {
  const added = guardPage('')
  it.each([
    ['<!doctype html>', '<p>x'],
    ['\n <!DOCTYPE html PUBLIC "x">', '\n<p>x'],
    ['<!-- a --> <!-- <!doctype html> -->\n<!doctype html>', '<p>x'],
    ['', '<p>x'],
    ['', '<!-- never closed <!doctype html>'],
    ['', '<!-- a --><p>x'],
  ])('comes behind the doctype and before everything else: %j', (before, after) => {
    expect(guardPage(before + after)).toBe(before + added + after)
    expect(added).not.toContain('\n')
  })

  it('takes the time of one pass, whatever the page begins with', () => {
    const hostile = '<!---->'.repeat(100_000)
    expect(guardPage(hostile)).toBe(added + hostile)
  })

  it('is a script that can be parsed', () => {
    expect(() => new Script(added.replaceAll(/<.?script>/g, ''))).not.toThrow()
  })
})

describe('the settings of previews', () => {
  it.each([
    [{ PREVIEW_URL: 'https://a.example' }, /PREVIEW_URL is set and STUDIO_URL is not/],
    [{ PREVIEW_URL: 'https://a.example/p', STUDIO_URL: 'https://a.example' }, /the same origin as STUDIO_URL/],
    [{ PREVIEW_PORT: '4000' }, /the same as PORT/],
    [{ PREVIEW_URL: 'ftp://a.example' }, /http: or https:|http:\/\/ or https:\/\//],
  ])('are refused: %j', (environment, reason) => {
    expect(() => config(environment)).toThrow(reason)
  })
})
