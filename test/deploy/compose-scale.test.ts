import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/logger.ts'
import { createRateLimits } from '../../src/rate-limits/rate-limits.ts'
import { parseStudioConfig, studioSettings } from '../../src/studio/config.ts'
import { eventually } from '../log/support.ts'
import { createTestDatabase } from '../support/database.ts'
import { createTestDirectory } from '../support/directory.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { findFreePort } from '../support/port.ts'
import { createTestBus, redisAddressOf } from '../support/redis-bus.ts'
import { expectNginx, readCompose } from './compose-file.ts'

const { services, service, fillIn, read } = await readCompose('compose.scale.yaml')
const deploy = new URL('../../deploy/', import.meta.url)
const servers = ['server-1', 'server-2', 'server-3']
const redisNodes = Array.from({ length: 6 }, (_, index) => `redis-${index + 1}`)

test('every dependency, mounted file and stage of a build exists', async () => {
  const dockerfile = await read('scale/Dockerfile')
  for (const { depends_on: dependencies, volumes, build } of Object.values(services)) {
    const names = Array.isArray(dependencies) ? (dependencies as string[]) : Object.keys(dependencies ?? {})
    for (const name of names) expect(services).toHaveProperty(name)
    for (const [source = ''] of (volumes ?? []).map((volume) => volume.split(':')))
      if (source.startsWith('.')) await stat(new URL(source, deploy))
    if (build?.target !== undefined) expect(dockerfile).toContain(` AS ${build.target}\n`)
  }
  for (const line of dockerfile.split('\n').filter((text) => text.startsWith('COPY ')))
    for (const file of line.split(' ').slice(1, -1)) await stat(new URL(`scale/${file}`, deploy))
})

test.each([...servers, 'worker'])('the settings of %s exist and are accepted in production', (name) => {
  const { environment, command } = service(name)
  for (const key of Object.keys(environment)) expect(studioSettings).toHaveProperty(key)
  const values = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, fillIn(value)]))
  const config = parseStudioConfig({ ...values, NODE_ENV: 'production', HOST: '0.0.0.0', PORT: '4000' })
  expect(config.ROLE).toBe(name === 'worker' ? 'worker' : 'server')
  expect(config.DATABASE_URL).toContain('@pgbouncer:6432/')
  expect(config.DATABASE_DIRECT_URL).toContain('@postgres-1:5432,postgres-2:5432/')
  expect(redisAddressOf(config.REDIS_URL ?? '').kind).toBe('cluster')
  expect(command).toEqual(name === 'worker' ? ['node', 'src/worker.ts'] : undefined)
})

test('nginx gets the tested configuration with the addresses of the servers', () =>
  expectNginx({ service, read }, servers))

test('the addresses of Redis are those of its nodes', () => {
  const addresses = redisNodes.map((name) => `${service(name).networks?.default.ipv4_address}:6379`)
  const [, , script = ''] = service('redis-cluster').command ?? []
  expect(script.match(/[\d.]+:6379/g)).toEqual(addresses)
  const { host: hosts } = new URL(
    (service('server-1').environment['REDIS_URL'] ?? '').replace(/\$\{[^}]*\}/, 'password').replaceAll(/,[^,]*/g, ''),
  )
  expect(addresses).toContain(hosts)
})

test('PgBouncer accepts its settings, and takes transactions', async () => {
  await using database = await createTestDatabase({ empty: true })
  const [, section = ''] = (await read('scale/pgbouncer.ini')).split('[pgbouncer]\n')
  // These are of the container.
  const ofContainer = /^(listen_addr|listen_port|auth_type|auth_file) /
  const settings = section.split('\n').filter((line) => !ofContainer.test(line))
  expect(settings).toContain('pool_mode = transaction')
  await using pooler = await startPgBouncer(database.url, settings.join('\n'))
  expect(pooler.url).toContain('127.0.0.1')
})

test('the rights of a node of Redis are sufficient for the bus of a cluster and the limits', async () => {
  await using directory = await createTestDirectory()
  const port = await findFreePort()
  const [shell = '', flag = '', script = ''] = service('redis-1').command ?? []
  // The container engine replaces `$$`.
  const command = `${script.replaceAll('$$', '$').replace('/etc/redis/redis.conf', new URL('scale/redis.conf', deploy).pathname)} --port ${port} --cluster-port ${await findFreePort()} --cluster-announce-ip 127.0.0.1 --bind 127.0.0.1`
  const child = spawn(shell, [flag, command], {
    env: { ...process.env, REDIS_PASSWORD: 'secret' },
    cwd: directory.path,
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  await using _redis = {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
  const admin = new Redis(`redis://admin:secret@127.0.0.1:${port}`)
  admin.on('error', () => undefined)
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
  await eventually(async () => expect(await admin.call('CLUSTER', 'INFO')).toContain('cluster_state:ok'))
  admin.disconnect()

  const url = `redis-cluster://tidings:secret@127.0.0.1:${port}`
  await using bus = createTestBus(url, { prefix: 'p' })
  await eventually(() => expect(bus.isConnected()).toBe(true))
  const heard: unknown[] = []
  await bus.subscribe('rights', (message) => heard.push(message)).ready
  bus.publish('rights', { works: true })
  await eventually(() => expect(heard).toEqual([{ works: true }]))
  expect(bus.counters.publishFailures).toBe(0)

  const { RATE_LIMITS: budgets } = parseConfig({ RATE_LIMITS: 'messages=2' })
  const open = () =>
    createRateLimits({ budgets, addressFactor: 2, redis: redisAddressOf(url), prefix: 'p', logger: silentLogger })
  await using one = await open()
  await using other = await open()
  // Until a server has reached Redis, it counts alone.
  await eventually(async () => {
    const key = `user:${Math.random()}`
    for (let uses = 0; uses < 2; uses++) await one.take('messages', { key, network: null })
    await expect(other.take('messages', { key, network: null })).rejects.toThrow('Too many messages')
  })
})

test('a container of PostgreSQL has the address under which the others reach it', async () => {
  const { postgresql, restapi } = parse(await read('scale/patroni.yml')) as Readonly<
    Record<string, { readonly listen: string }>
  >
  for (const name of ['postgres-1', 'postgres-2']) {
    const { environment } = service(name)
    expect(environment).toMatchObject({
      PATRONI_NAME: name,
      PATRONI_POSTGRESQL_CONNECT_ADDRESS: `${name}:${postgresql?.listen.split(':')[1]}`,
      PATRONI_RESTAPI_CONNECT_ADDRESS: `${name}:${restapi?.listen.split(':')[1]}`,
    })
    expect(await read('scale/haproxy.cfg')).toContain(`server ${name} ${name}:5432 check port 8008\n`)
  }
})
