import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createReadiness } from '../../../src/server/monitoring/health.ts'
import { hangMs } from '../../support/patience.ts'
import { ask, type ServerFixture, stall, startTestServer } from '../support.ts'

let fixture: ServerFixture
beforeAll(async () => {
  fixture = await startTestServer({ environment: { MAX_LOOP_LAG_MS: '10' } })
})
afterAll(() => fixture[Symbol.asyncDispose]())

test('a stall of the event loop is not taken for an unavailable database', async () => {
  const { database, bus } = fixture.fixture.engine
  const readReadiness = createReadiness({ database, bus })
  await readReadiness(false)
  const reading = readReadiness(false)
  // Longer than the database may take; its answer waits in the connection.
  stall(1_200)
  expect(await reading).toMatchObject({ database: 'up' })
})

test('an overloaded server refuses new requests and sockets, serves open ones, and accepts new ones afterwards', async () => {
  const { server } = fixture
  const client = fixture.client({ lazy: false })
  expect(await ask(client, '{ hello }')).toHaveProperty('data.hello')

  let isBusy = true
  const work = (async () => {
    while (isBusy) {
      stall(130)
      await turn()
    }
  })()
  const deadline = Date.now() + hangMs
  let refused = await fixture.post('{ hello }')
  while (refused.status === 200 && Date.now() < deadline) refused = await fixture.post('{ hello }')
  const socket = new WebSocket(server.wsUrl, 'graphql-transport-ws')
  const status = await new Promise((resolve) => {
    socket.on('error', () => undefined)
    socket.on('open', () => resolve('open'))
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
  })
  const served = await ask(client, '{ hello }')
  isBusy = false
  await work

  expect(refused).toMatchObject({
    status: 503,
    body: {
      errors: [
        {
          message: 'This server is overloaded; try again later',
          extensions: { code: 'UNAVAILABLE', retryable: true },
        },
      ],
    },
  })
  expect(refused.headers.get('retry-after')).toBe('5')
  expect(status).toBe(503)
  expect(served).toHaveProperty('data.hello')
  expect(server.metrics.refusals.get('overload')).toBeGreaterThan(1)
  let accepted = await fixture.post('{ hello }')
  while (accepted.status === 503 && Date.now() < deadline) accepted = await fixture.post('{ hello }')
  expect(accepted.status).toBe(200)
})
