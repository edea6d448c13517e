import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { renderNginx } from '../../deploy/nginx/render.ts'
import { createTestDirectory } from '../support/directory.ts'
import { startNginx } from '../support/nginx.ts'
import { findFreePort } from '../support/port.ts'
import { startUpstream } from './upstream.ts'

const reset = (_: IncomingMessage, response: ServerResponse) => void response.destroy()
const answer = (_: IncomingMessage, response: ServerResponse) => void response.end('answered')
const unready = (_: IncomingMessage, response: ServerResponse) => void response.writeHead(503).end('draining')

/**
 * Sends as many requests as there are servers, so that each server is the first to be tried once.
 */
const askTwice = async (url: string, method: string) => {
  const responses = await Promise.all(
    [1, 2].map(() => fetch(url, { method, ...(method === 'POST' ? { body: 'x' } : {}) })),
  )
  return responses.map(({ status }) => status)
}

describe('failover to the next server', () => {
  test('applies to every request when one server refuses connections', async () => {
    const nobody = await findFreePort()
    await using there = await startUpstream(answer)
    await using nginx = await startNginx([nobody, there.port])
    expect(await askTwice(nginx.url, 'POST')).toEqual([200, 200])
    expect(await askTwice(nginx.url, 'GET')).toEqual([200, 200])
    expect(there.arrived.map(({ bytes }) => bytes)).toEqual([1, 1, 0, 0])
    // It was tried and skipped: otherwise this test would prove nothing.
    expect(await nginx.readLog()).toContain(`"127.0.0.1:${nobody}, 127.0.0.1:${there.port}"`)
  })

  test.each([
    ['breaks off', reset, 502],
    ['says that it is not ready', unready, 503],
  ] as const)(
    'applies to reads, and never to a request that may have been executed, when one server %s',
    async (_, behaviour, status) => {
      await using bad = await startUpstream(behaviour)
      await using good = await startUpstream(answer)
      await using nginx = await startNginx([bad.port, good.port])
      expect(await askTwice(nginx.url, 'POST').then((all) => all.toSorted())).toEqual([200, status])
      expect(good.arrived).toHaveLength(1)
      await using other = await startNginx([bad.port, good.port])
      expect(await askTwice(other.url, 'GET')).toEqual([200, 200])
      expect(bad.arrived.map(({ method }) => method)).toEqual(['POST', 'GET'])
    },
  )
})

test('streams an upload while it arrives', async () => {
  await using upstream = await startUpstream(
    (incoming, response) => void incoming.on('end', () => response.end('thanks')),
  )
  await using nginx = await startNginx([upstream.port])
  const size = 6_000_000
  const sending = request(nginx.url, { method: 'POST', headers: { 'content-length': size } })
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>
  sending.write(Buffer.alloc(size / 2))
  await vi.waitFor(() => expect(upstream.arrived[0]?.bytes).toBe(size / 2))
  sending.end(Buffer.alloc(size / 2))
  const [response] = await answered
  response.resume()
  expect(response.statusCode).toBe(200)
  expect(upstream.arrived[0]?.bytes).toBe(size)
})

test("forwards the client's address, host and protocol, and ignores those that a client claims", async () => {
  await using upstream = await startUpstream(answer)
  await using nginx = await startNginx([upstream.port])
  const headers = {
    'x-forwarded-for': '10.1.2.3',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  }
  await fetch(`${nginx.url}/?invitation=secret`, { headers })
  const { host } = new URL(nginx.url)
  expect(upstream.arrived[0]?.headers).toMatchObject({
    host,
    'x-forwarded-for': '10.1.2.3, 127.0.0.1',
    'x-forwarded-host': host,
    'x-forwarded-proto': 'http',
    'x-request-id': expect.stringMatching(/^[\da-f]{32}$/),
  })
  expect(upstream.arrived[0]?.headers).not.toHaveProperty('traceparent')
  await vi.waitFor(async () => expect(await nginx.readLog()).toContain('"GET /" 200'))
  expect(await nginx.readLog()).not.toContain('secret')
})

test('limits the connections of one client', async () => {
  let isHeld = true
  await using upstream = await startUpstream((_, response) => {
    if (!isHeld) response.end('answered')
  })
  await using nginx = await startNginx([upstream.port])
  const held = Array.from({ length: 400 }, () => request(nginx.url, { agent: false }).on('error', () => undefined))
  for (const one of held) one.end()
  await vi.waitFor(() => expect(upstream.arrived).toHaveLength(400))
  const refused = await fetch(nginx.url)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5'])
  expect(await refused.json()).toMatchObject({
    errors: [{ extensions: { code: 'RATE_LIMITED', retryAfterMs: 5_000 } }],
  })
  isHeld = false
  for (const one of held) one.destroy()
  await vi.waitFor(async () => expect((await fetch(nginx.url)).status).toBe(200))
})

test('an IPv6 network counts as one client, and an IPv4 address in any notation', async () => {
  await using upstream = await startUpstream(() => undefined)
  await using nginx = await startNginx([upstream.port], { maxSocketsPerAddress: 1, areClaimsTrusted: true })
  const abort = new AbortController()
  let held = 0
  const hold = async (client: string): Promise<void> => {
    fetch(nginx.url, { headers: { 'x-client': client }, signal: abort.signal }).catch(() => undefined)
    held++
    await vi.waitFor(() => expect(upstream.arrived).toHaveLength(held))
  }
  const statusOf = async (client: string) => (await fetch(nginx.url, { headers: { 'x-client': client } })).status
  for (const client of ['2001:db8:1:2::3', '2001:db8:1:2:ffff::4', '2001:db8:1:3::3', '2001:db8::3']) await hold(client)
  expect(await statusOf('2001:db8:1:2::5')).toBe(429)
  for (const client of ['10.0.0.1', '::ffff:10.0.0.1', '10.0.0.2', '::ffff:10.0.0.2', '10.0.0.10', '::1'])
    await hold(client)
  expect(await statusOf('64:ff9b::10.0.0.1')).toBe(429)
  expect(await statusOf('::ffff:10.0.0.2')).toBe(429)
  // Bytes that would end a line or a text of C.
  for (const client of ['a0a:a0a::1', 'a0a:a0a:0:0:a0a::1']) await hold(client)
  expect(await statusOf('a0a:a0a:0:0:1::')).toBe(429)
  abort.abort()
})

test('serves previews at a separate origin, and strips credentials from requests', async () => {
  await using upstream = await startUpstream(answer)
  await using nginx = await startNginx([await findFreePort()], { previewPorts: [upstream.port] })
  const headers = { cookie: 'session=1', authorization: 'Bearer x' }
  const response = await fetch(`${nginx.previewUrl}/project/index.html`, { headers })
  expect(await response.text()).toBe('answered')
  const [arrived] = upstream.arrived
  expect(arrived?.headers).toMatchObject({ host: new URL(nginx.previewUrl).host, 'x-forwarded-for': '127.0.0.1' })
  expect(arrived?.headers).not.toHaveProperty('cookie')
  expect(arrived?.headers).not.toHaveProperty('authorization')
})

// Those of startNginx are sockets; a file and a pipe (as in a container, configured with
// /dev/stdout) are the others.
test.each([
  ['a file', '> output', 'access.log'],
  ['a pipe', '| cat > output', '/dev/stdout'],
])('starts where its output is %s', async (_, redirection, accessLog) => {
  await using directory = await createTestDirectory()
  const port = await findFreePort()
  const text = await renderNginx({
    servers: [`127.0.0.1:${await findFreePort()}`],
    listen: `127.0.0.1:${port}`,
    previewListen: `127.0.0.1:${await findFreePort()}`,
    runDir: directory.path,
    accessLog,
  })
  await writeFile(directory.join('nginx.conf'), text)
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`
  const command = `nginx -e stderr -p . -c nginx.conf -g 'daemon off;' ${redirection}`
  const shell = spawn('sh', ['-c', command], { cwd: directory.path, env: { ...process.env, PATH: path } })
  const exit = once(shell, 'exit')
  // Its upstream does not exist, so nginx answers itself.
  await vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${port}/asked`)).status).toBe(502))
  await vi.waitFor(async () => {
    const written = await readFile(directory.join(accessLog === 'access.log' ? accessLog : 'output'), 'utf8')
    expect(written).toContain('"GET /asked" 502')
  })
  process.kill(Number(await readFile(directory.join('nginx.pid'), 'utf8')), 'SIGTERM')
  await exit
})

test('the configuration is printed for given servers, and refused for invalid addresses', async () => {
  const program = fileURLToPath(new URL('../../deploy/nginx/render.ts', import.meta.url))
  const tls = await promisify(execFile)(process.execPath, [program, '--listen', '443 ssl', 'a.internal:4000'])
  expect(tls.stdout).toContain('listen 443 ssl http2;')
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--listen', '8080', 'a.internal:4000'])
  expect(stdout).toContain('listen 8080;')
  expect(stdout).toContain('server a.internal:4000 max_fails=1 fail_timeout=2s;')
  expect(stdout).toContain('server a.internal:4001 max_fails=1 fail_timeout=2s;')
  expect(stdout).toContain('access_log /run/access.log tidings;')
  expect(stdout).not.toContain('${')
  const settings = { listen: '80', previewListen: '81', runDir: '/run' }
  await expect(renderNginx({ ...settings, servers: ['a; b'] })).rejects.toThrow('"a; b" is not the address of a server')
  const servers = ['a.internal:4000']
  await expect(renderNginx({ ...settings, servers, accessLog: 'off; x' })).rejects.toThrow('for the access log')
  await expect(renderNginx({ ...settings, servers, maxSocketsPerAddress: Number('many') })).rejects.toThrow(
    'not a number of 1 or more',
  )
  const five = ['--max-sockets-per-address', '5', 'a.internal:4000', 'b.internal:4000']
  const limited = await promisify(execFile)(process.execPath, [program, ...five])
  expect(limited.stdout).toContain('limit_conn tidings_clients 20;')
  await expect(renderNginx({ ...settings, servers: [] })).rejects.toThrow('at least one server')
})
