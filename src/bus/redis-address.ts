import { readFileSync } from 'node:fs'
import type { Config } from '../config.ts'
import { TidingsError } from '../errors.ts'
import { parseRedisUrl, type RedisUrl } from '../redis-url.ts'

/** The settings of the address of Redis. */
export type RedisSettings = Pick<
  Config,
  'REDIS_URL' | 'REDIS_PUBSUB' | 'REDIS_TLS_CA' | 'REDIS_TLS_CERT' | 'REDIS_TLS_KEY'
>

/** Where Redis is, and how to connect. */
export interface RedisAddress extends Omit<RedisUrl, 'isEncrypted'> {
  /** The PEM texts for TLS; null for connections without TLS. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | null
  /** Whether a cluster delivers messages by its shards. Otherwise each of its servers receives every message. */
  readonly isSharded: boolean
}

/**
 * Returns the address of the settings; null when there is none.
 *
 * @throws TidingsError `BAD_CONFIGURATION` for a file that cannot be read
 */
export function readRedisAddress(settings: RedisSettings): RedisAddress | null {
  const { REDIS_URL, REDIS_PUBSUB, REDIS_TLS_CA, REDIS_TLS_CERT, REDIS_TLS_KEY } = settings
  if (REDIS_URL === undefined) return null
  const { isEncrypted, ...address } = parseRedisUrl(REDIS_URL)
  const tls = {
    ...readPem('ca', 'REDIS_TLS_CA', REDIS_TLS_CA),
    ...readPem('cert', 'REDIS_TLS_CERT', REDIS_TLS_CERT),
    ...readPem('key', 'REDIS_TLS_KEY', REDIS_TLS_KEY),
  }
  return { ...address, tls: isEncrypted ? tls : null, isSharded: REDIS_PUBSUB === 'sharded' }
}

/** Returns the address for people, without credentials. */
export function describeRedisAddress({ kind, nodes, primaryName }: RedisAddress): string {
  const hosts = nodes.map(({ host, port }) => `${host}:${port}`).join(', ')
  if (kind === 'server') return hosts
  return kind === 'cluster' ? `the cluster of ${hosts}` : `the primary ${primaryName} of the Sentinels ${hosts}`
}

function readPem(
  key: 'ca' | 'cert' | 'key',
  setting: string,
  file: string | undefined,
): Partial<Record<typeof key, string>> {
  if (file === undefined) return {}
  try {
    return { [key]: readFileSync(file, 'utf8') }
  } catch (error) {
    throw new TidingsError(
      'BAD_CONFIGURATION',
      `${setting} is ${JSON.stringify(file)}, which cannot be read: ${(error as Error).message}`,
    )
  }
}
