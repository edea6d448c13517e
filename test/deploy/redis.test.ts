import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/logger.ts'
import { createRateLimits, type RateLimits } from '../../src/rate-limits/rate-limits.ts'
import { eventually } from '../log/support.ts'
import { startTestEngine } from '../support/engine.ts'
import { findFreePort } from '../support/port.ts'
import { redisAddressOf } from '../support/redis-bus.ts'

/** Starts a redis-server with the command of the compose file. */
async function startComposeRedis(): Promise<AsyncDisposable & { readonly port: number; readonly password: string }> {
  const compose = parse(await readFile(new URL('../../deploy/compose.yaml', import.meta.url), 'utf8')) as {
    readonly services: { readonly redis: { readonly command: readonly [string, string, string] } }
  }
  const [shell, flag, script] = compose.services.redis.command
  const port = await findFreePort()
  const password = 'secret'
  // The container engine replaces `$$`.
  const command = `${script.replaceAll('$$', '$')} --port ${port} --bind 127.0.0.1`
  const child: ChildProcess = spawn(shell, [flag, command], {
    env: { ...process.env, REDIS_PASSWORD: password },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (text) => String(text).includes('Ready to accept connections') && resolve())
    child.once('exit', () => reject(new Error('redis-server did not start')))
  })
  return {
    port,
    password,
    [Symbol.asyncDispose]: async () => {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

test('the rights of the compose file are sufficient for the bus and the limits, and for nothing else', async () => {
  await using redis = await startComposeRedis()
  const url = `redis://tidings:${redis.password}@127.0.0.1:${redis.port}`
  await using fixture = await startTestEngine({ definitions: [], redisUrl: url })
  const { bus } = fixture.engine
  await eventually(() => expect(bus.isConnected()).toBe(true))
  const heard: unknown[] = []
  const subscription = bus.subscribe('rights', (message) => heard.push(message))
  await subscription.ready
  bus.publish('rights', { works: true })
  await eventually(() => expect(heard).toEqual([{ works: true }]))
  await subscription.close()
  expect(bus.counters.publishFailures).toBe(0)

  // ioredis and BullMQ give names to their connections.
  const client = new Redis(url, { connectionName: 'tidings' })
  expect(await client.call('CLIENT', 'GETNAME')).toBe('tidings')
  /** Creates the limits of a server that has reached Redis: until then, it counts by itself. */
  const openLimits = async (probe: string): Promise<RateLimits> => {
    const { RATE_LIMITS: budgets } = parseConfig({ RATE_LIMITS: 'messages=2' })
    const limits = await createRateLimits({
      budgets,
      addressFactor: 2,
      redis: redisAddressOf(url),
      prefix: 'p',
      logger: silentLogger,
    })
    await eventually(async () => {
      await limits.take('queries', { key: probe, network: null })
      expect(await client.get(`tidings:p:limit:queries:${probe}`)).not.toBeNull()
    })
    return limits
  }
  await using one = await openLimits('one')
  await using other = await openLimits('other')
  const ada = { key: 'user:ada', network: null }
  for (let uses = 0; uses < 2; uses++) await one.take('messages', ada)
  await expect(other.take('messages', ada)).rejects.toThrow('Too many messages')

  const forbidden = [
    ['KEYS', '*'],
    ['FLUSHALL'],
    ['CONFIG', 'GET', '*'],
    ['GET', 'other:key'],
    ['ACL', 'LIST'],
    ['CLIENT', 'PAUSE', '1'],
    ['CLIENT', 'LIST'],
    ['CLIENT', 'KILL', 'ID', '1'],
    ['CLIENT', 'NO-EVICT', 'on'],
  ]
  for (const command of forbidden)
    await expect(client.call(...(command as [string, ...string[]]))).rejects.toThrow('NOPERM')
  client.disconnect()
  const stranger = connect(redis.port, '127.0.0.1')
  stranger.write('PUBLISH rights 1\r\n')
  const [reply] = await once(stranger, 'data')
  stranger.destroy()
  expect(String(reply)).toMatch(/^-NOAUTH/)
})
