import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectDatabase } from '../../src/db/connect.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'

const refusedParameter = /\0(options|statement_timeout|idle_in_transaction_session_timeout)\0/

/** Sends an `ErrorResponse` as PgBouncer 1.18 does. */
function refuse(socket: Socket, parameter: string): void {
  const fields = Buffer.from(`SFATAL\0C08P01\0Munsupported startup parameter: ${parameter}\0\0`)
  const header = Buffer.alloc(5)
  header.write('E')
  header.writeInt32BE(fields.length + 4, 1)
  socket.end(Buffer.concat([header, fields]))
}

test('connects through a pooler that refuses startup parameters, and keeps the limit on the client side', async () => {
  await using origin = await createTestDatabase()
  const url = new URL(origin.url)
  const path = join(url.searchParams.get('host') ?? '', `.s.PGSQL.${url.searchParams.get('port')}`)
  let refused = 0
  const sockets = new Set<Socket>()
  const pooler = createServer((client) => {
    sockets.add(client)
    client.on('error', () => undefined)
    client.once('data', (startup: Buffer) => {
      const [, parameter] = refusedParameter.exec(startup.toString('latin1')) ?? []
      if (parameter !== undefined) {
        refused++
        return refuse(client, parameter)
      }
      const server = connect({ path })
      server.on('error', () => undefined)
      server.write(startup)
      client.pipe(server).pipe(client)
    })
  }).listen(0, '127.0.0.1')
  await once(pooler, 'listening')
  await using undo = new AsyncDisposableStack()
  undo.defer(() => {
    for (const socket of sockets) socket.destroy()
    pooler.close()
  })
  const address = pooler.address()
  url.search = ''
  url.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  await using database = await connectDatabase({
    url: url.href,
    maxConnections: 2,
    statementMs: 300,
    logger: silentLogger,
  })
  expect(refused).toBe(1)
  const other = database.openPool({ applicationName: 'other', maxConnections: 1, options: '-c jit=off' })
  expect((await other.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  expect((await database.vitals.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  expect(refused).toBe(1)
  await expect(database.pool.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '08006' })
})
