import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { startRedis } from '../support/redis.ts'

test('test databases are migrated, and separate from each other', async () => {
  await using one = await createTestDatabase()
  await using other = await createTestDatabase()
  await one.database.pool.query(`insert into tidings.topic (name) values ('task:1')`)
  expect((await one.database.pool.query('select name from tidings.topic')).rows).toEqual([{ name: 'task:1' }])
  expect((await other.database.pool.query('select name from tidings.topic')).rows).toEqual([])
})

test('a test Redis is back on the same port, empty, after a restart', async () => {
  await using redis = await startRedis()
  const client = new Redis(redis.url, { lazyConnect: true })
  client.on('error', () => undefined)
  using stack = new DisposableStack()
  stack.defer(() => client.disconnect())
  await client.connect()
  await client.set('a', '1')
  await redis.restart()
  expect(await client.get('a')).toBeNull()
  expect(await redis.cli('PUBSUB', 'NUMSUB', 'x')).toEqual(['x', 0])
  await redis.stop()
  await expect(redis.cli('PING')).rejects.toThrow()
})
