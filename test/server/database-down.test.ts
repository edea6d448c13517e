import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectDatabase } from '../../src/db/connect.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'
import { createTcpProxy } from '../support/proxy.ts'
import { openStream } from './sse/sse.ts'
import { open, startTestServer, subscribe, until } from './support.ts'

test('disconnects idle subscribers while the database is unavailable, and accepts them again afterwards', async () => {
  await using test = await createTestDatabase()
  const url = new URL(test.url)
  const socket = join(url.searchParams.get('host') ?? '', `.s.PGSQL.${url.searchParams.get('port')}`)
  await using proxy = await createTcpProxy(socket)
  url.search = ''
  url.host = `127.0.0.1:${proxy.port}`
  await using database = await connectDatabase({ url: url.href, maxConnections: 2, logger: silentLogger })
  await using fixture = await startTestServer({
    health: { database, bus: { kind: 'memory', isConnected: () => true } },
  })
  const silence = 'subscription { silence }'
  await using overSocket = subscribe(fixture.client(), silence, {})
  await using stream = await openStream(fixture.server.url, silence)
  await until(() => expect(open.quiet).toBe(2))

  proxy.refuse()
  proxy.resetAll()
  expect(await overSocket.ended).toMatchObject({ code: 1013, reason: 'The database cannot be reached; connect again' })
  expect((await stream.rest()).at(-1)).toEqual({ comment: 'the database cannot be reached; connect again' })
  expect(stream.isCut).toBe(true)
  await using early = subscribe(fixture.client(), silence, {})
  expect(await early.ended).toMatchObject({ code: 1013 })

  await proxy.accept()
  await until(async () => expect((await fetch(`${fixture.server.url}/health/ready`)).status).toBe(200))
  // The server checks once a second.
  await until(async () => {
    const again = fixture.client({ lazy: false, onNonLazyError: () => undefined })
    await new Promise<void>((resolve, reject) => {
      again.on('connected', () => resolve())
      again.on('closed', () => reject(new Error('It was sent away')))
    })
  })
})
