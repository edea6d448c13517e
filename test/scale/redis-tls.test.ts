import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { readRedisAddress } from '../../src/bus/redis-address.ts'
import { createRedisBus } from '../../src/bus/redis-bus.ts'
import { silentLogger } from '../../src/logger.ts'
import { eventually } from '../log/support.ts'
import { createTestDirectory } from '../support/directory.ts'
import { findFreePort } from '../support/port.ts'
import { busKey } from '../support/redis-bus.ts'

/** Creates a certificate authority, and certificates of a server and a client that it has signed. */
function createCertificates(join: (file: string) => string): void {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' })
  }
  for (const authority of ['ca', 'other-ca'])
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${authority}`,
      ...['-keyout', join(`${authority}.key`), '-out', join(`${authority}.pem`)],
    )
  for (const name of ['server', 'client']) {
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      ...['-keyout', join(`${name}.key`), '-out', join(`${name}.csr`)],
    )
    openssl(
      'x509',
      '-req',
      '-in',
      join(`${name}.csr`),
      '-CA',
      join('ca.pem'),
      '-CAkey',
      join('ca.key'),
      '-CAcreateserial',
      '-days',
      '2',
      '-copy_extensions',
      'copy',
      '-out',
      join(`${name}.pem`),
    )
  }
}

test('a bus over TLS has a user, a certificate of its own, and trusts only the authority of the settings', async () => {
  await using directory = await createTestDirectory()
  createCertificates((file) => directory.join(file))
  const port = await findFreePort()
  const server = spawn(
    'redis-server',
    [
      ...['--port', '0', '--tls-port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      ...['--tls-cert-file', directory.join('server.pem'), '--tls-key-file', directory.join('server.key')],
      ...['--tls-ca-cert-file', directory.join('ca.pem'), '--tls-auth-clients', 'yes'],
      ...['--user', 'default', 'off', '--user', 'tidings', 'on', '>secret', '~*', '&*', '+@all'],
    ],
    { stdio: 'ignore', cwd: '/' },
  )
  const exited = once(server, 'exit')
  await using _server = {
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL')
      await exited
    },
  }
  const openBus = (files: { readonly ca?: string; readonly hasClient?: boolean }) => {
    const { ca = 'ca.pem', hasClient = true } = files
    const address = readRedisAddress({
      REDIS_URL: `rediss://tidings:secret@127.0.0.1:${port}`,
      REDIS_PUBSUB: 'sharded',
      REDIS_TLS_CA: directory.join(ca),
      REDIS_TLS_CERT: hasClient ? directory.join('client.pem') : undefined,
      REDIS_TLS_KEY: hasClient ? directory.join('client.key') : undefined,
    })
    if (address === null) throw new Error('There is no address')
    return createRedisBus({ address, key: busKey, logger: silentLogger })
  }
  await chmod(directory.join('server.key'), 0o600)
  await using bus = openBus({})
  await eventually(() => expect(bus.isConnected()).toBe(true))
  const received: unknown[] = []
  await bus.subscribe('tls', (message) => received.push(message)).ready
  bus.publish('tls', { works: true })
  await eventually(() => expect(received).toEqual([{ works: true }]))

  await using withoutTrust = openBus({ ca: 'other-ca.pem' })
  await using withoutCertificate = openBus({ hasClient: false })
  for (const refused of [withoutTrust, withoutCertificate]) {
    refused.publish('tls', {})
    await eventually(() => expect(refused.counters.publishFailures).toBe(1))
  }
  for (const refused of [withoutTrust, withoutCertificate]) expect(refused.isConnected()).toBe(false)
})

test('a file that cannot be read is named at the start', () => {
  const settings = { REDIS_URL: 'rediss://a', REDIS_PUBSUB: 'sharded', REDIS_TLS_CA: '/missing.pem' } as const
  const read = () => readRedisAddress({ ...settings, REDIS_TLS_CERT: undefined, REDIS_TLS_KEY: undefined })
  expect(read).toThrow('REDIS_TLS_CA is "/missing.pem", which cannot be read')
})
