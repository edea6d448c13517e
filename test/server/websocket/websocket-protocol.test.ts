import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { silentLogger } from '../../../src/logger.ts'
import { createBudgets } from '../../../src/server/connections/budgets.ts'
import { createConnections } from '../../../src/server/connections/connections.ts'
import { createServerMetrics } from '../../../src/server/connections/server-metrics.ts'
import { createWork } from '../../../src/server/connections/work.ts'
import type { WriteAudit } from '../../../src/server/request/context.ts'
import { createMaskError } from '../../../src/server/request/mask.ts'
import { createSocketProtocol } from '../../../src/server/websocket/protocol.ts'
import { createWebSockets } from '../../../src/server/websocket/websocket.ts'
import type { Viewer } from '../../../src/tasks/model/viewer.ts'
import { viewerOf } from '../../support/api.ts'
import { sinks, testConfig, until } from '../support.ts'

test('a socket that closes while its token is read is not accepted', async () => {
  const isAsked = Promise.withResolvers<void>()
  const viewer = Promise.withResolvers<Viewer>()
  const notes: string[] = []
  const note: WriteAudit = (event) => void notes.push(event)
  const metrics = createServerMetrics()
  const connections = createConnections({ MAX_SOCKETS_PER_ADDRESS: 10, MAX_SOCKETS_PER_VIEWER: 10 }, metrics)
  const budgets = createBudgets({ rateLimits: undefined, metrics, note })
  const work = createWork(testConfig(), metrics, connections)
  const door = { connections, budgets, work, metrics, note, live: sinks, logger: silentLogger }
  const unused = (): never => {
    throw new Error('Nothing is asked for')
  }
  const protocol = createSocketProtocol({
    ...door,
    maxSubscriptions: 10,
    api: { envelop: unused, subscribe: unused, charsOf: () => 0 },
    tokens: {
      areRequired: true,
      read() {
        isAsked.resolve()
        return viewer.promise
      },
    },
    maskError: createMaskError(silentLogger),
    isAway: () => false,
  })
  await using sockets = createWebSockets({
    ...door,
    limits: { MAX_MESSAGE_BYTES: 10_000, MAX_ANONYMOUS_BODY_BYTES: 10_000, MAX_SOCKET_BUFFER_BYTES: 100_000 },
    protocol,
    keepAliveMs: 10_000,
    initMs: 10_000,
    anonymousMs: 10_000,
    floodMs: 10_000,
  })
  await using server = createServer()
  server.on('upgrade', (request, tcp, head) =>
    sockets.upgrade(request, tcp, head, { address: '127.0.0.1', network: '127.0.0.1', userAgent: null }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, 'graphql-transport-ws')
  await once(client, 'open')
  client.send(JSON.stringify({ type: 'connection_init' }))
  await isAsked.promise
  client.terminate()
  await until(() => expect(connections.size).toBe(0))
  viewer.resolve(viewerOf('ada', { expiresAt: new Date(Date.now() + 3_600_000) }))
  await new Promise((resolve) => setImmediate(resolve))
  expect(notes).toEqual([])
})
