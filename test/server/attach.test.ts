import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { attachListeners } from '../../src/server/attach.ts'

const listenersNamed = (name: string): Required<Parameters<typeof attachListeners>[2]> => ({
  request: (_request, response) => void response.end(name),
  upgrade: (_request, socket) => void socket.end(`HTTP/1.1 400 ${name}\r\n\r\n`),
})
const isOwn = (path: string): boolean => path === '/graphql'

async function listen(server: Server): Promise<AsyncDisposable & { readonly url: string }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Returns the names of the listeners that answered a request and an upgrade. */
async function ask(url: string): Promise<readonly (string | undefined)[]> {
  const socket = new WebSocket(url.replace('http', 'ws'))
  const [, { statusMessage }] = (await once(socket, 'unexpected-response')) as [unknown, { statusMessage?: string }]
  return [await (await fetch(url)).text(), statusMessage]
}

test('takes its own paths, and leaves all others to the listeners that the server has', async () => {
  const server = createServer()
  const { request, upgrade } = listenersNamed('team')
  server.on('request', request).on('upgrade', upgrade)
  await using listening = await listen(server)
  const attached = attachListeners(server, isOwn, listenersNamed('tidings'))
  expect(await ask(`${listening.url}/graphql?query={a}`)).toEqual(['tidings', 'tidings'])
  expect(await ask(`${listening.url}/graphql/other`)).toEqual(['team', 'team'])
  attached[Symbol.dispose]()
  expect(await ask(`${listening.url}/graphql`)).toEqual(['team', 'team'])
  expect(server.listenerCount('request')).toBe(1)
})

test('takes all paths of a server that has no listeners', async () => {
  const server = createServer()
  await using listening = await listen(server)
  using _attached = attachListeners(server, isOwn, listenersNamed('tidings'))
  expect(await ask(`${listening.url}/other`)).toEqual(['tidings', 'tidings'])
})
