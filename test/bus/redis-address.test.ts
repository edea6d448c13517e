import { expect, test } from 'vitest'
import { describeRedisAddress } from '../../src/bus/redis-address.ts'
import { parseConfig } from '../../src/config.ts'
import { parseRedisUrl } from '../../src/redis-url.ts'
import { redisAddressOf } from '../support/redis-bus.ts'

test.for<readonly [string, Partial<ReturnType<typeof parseRedisUrl>>]>([
  ['redis://localhost', { kind: 'server', isEncrypted: false, nodes: [{ host: 'localhost', port: 6379 }], db: 0 }],
  [
    'rediss://ada:p%40ss%3Aword@cache.example.org:6380/3',
    {
      kind: 'server',
      isEncrypted: true,
      nodes: [{ host: 'cache.example.org', port: 6380 }],
      username: 'ada',
      password: 'p@ss:word',
      db: 3,
    },
  ],
  ['redis://:secret@[::1]:7000', { nodes: [{ host: '::1', port: 7000 }], username: undefined, password: 'secret' }],
  [
    'redis-cluster://u:p@a:7001,b,[::1]:7003',
    {
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 7001 },
        { host: 'b', port: 6379 },
        { host: '::1', port: 7003 },
      ],
      username: 'u',
      password: 'p',
    },
  ],
  [
    'rediss-sentinel://a,b:26380/2?name=tidings&sentinelPassword=s',
    {
      kind: 'sentinel',
      isEncrypted: true,
      nodes: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 26380 },
      ],
      db: 2,
      primaryName: 'tidings',
      sentinelPassword: 's',
    },
  ],
])('the URL %s is read', ([url, expected]) => {
  expect(parseRedisUrl(url)).toMatchObject(expected)
})

test.for([
  ['http://localhost', 'has another form'],
  ['redis://', 'has another form'],
  [
    'redis://a,redis://b',
    'names several servers: topics are not distributed over separate servers any more. Use a Redis Cluster',
  ],
  ['redis://a:6379,b:6379', 'names several hosts; write redis-cluster:// or redis-sentinel://'],
  ['redis://:6379', 'has an empty host'],
  ['redis://a:0', 'has a port that is no number'],
  ['redis://a/x', 'has a database that is no number'],
  ['redis-cluster://a/1', 'has a database; a cluster has only'],
  ['redis-sentinel://a', 'does not name the primary; add its name at the Sentinels, such as ?name=mymaster'],
  ['redis://a?tls=true', 'has a parameter'],
] as const)('the URL %s is refused, with what is wrong and without its text', ([url, problem]) => {
  const secretUrl = url.replace('://', '://user:secret@')
  const parse = () => parseConfig({ REDIS_URL: url === 'redis://' ? url : secretUrl })
  expect(parse).toThrow(problem)
  expect(parse).toThrow(/redis-cluster:\/\/host1:6379,host2:6379/)
  expect(parse).not.toThrow(/secret/)
})

test('settings that contradict each other are refused', () => {
  const REDIS_URL = 'redis-cluster://a'
  expect(() => parseConfig({ REDIS_URL, QUEUE_PREFIX: 'shop' })).toThrow(
    'QUEUE_PREFIX is "shop"; in a Redis Cluster it needs a hash tag, such as {shop}',
  )
  expect(parseConfig({ REDIS_URL, QUEUE_PREFIX: '{shop}' }).QUEUE_PREFIX).toBe('{shop}')
  expect(() => parseConfig({ REDIS_URL: 'rediss://a', REDIS_TLS_CERT: 'x.pem' })).toThrow(
    'a client certificate needs both',
  )
  expect(() => parseConfig({ REDIS_URL: 'redis://a', REDIS_TLS_CA: 'ca.pem' })).toThrow(
    'REDIS_TLS_CA is set and REDIS_URL does not begin with rediss',
  )
})

test('an address is described without its password', () => {
  expect(describeRedisAddress(redisAddressOf('redis-cluster://u:secret@a,b:7001'))).toBe(
    'the cluster of a:6379, b:7001',
  )
  expect(describeRedisAddress(redisAddressOf('redis-sentinel://u:secret@a?name=t'))).toBe(
    'the primary t of the Sentinels a:26379',
  )
})
