/** Parses `REDIS_URL`: `new URL` accepts no list of hosts. */

/** Host and port of one server. */
interface RedisNode {
  readonly host: string
  readonly port: number
}

/** The parts of `REDIS_URL`. */
export interface RedisUrl {
  /** One server, a cluster, or a primary that Sentinels watch. */
  readonly kind: 'server' | 'cluster' | 'sentinel'
  readonly isEncrypted: boolean
  /** The server, the first nodes of the cluster to ask, or the Sentinels. */
  readonly nodes: readonly [RedisNode, ...RedisNode[]]
  readonly username: string | undefined
  readonly password: string | undefined
  /** The number of the database; always 0 in a cluster. */
  readonly db: number
  /** The name of the primary at its Sentinels; empty for the other kinds. */
  readonly primaryName: string
  /** The credentials for the Sentinels themselves, which usually have none. */
  readonly sentinelUsername: string | undefined
  readonly sentinelPassword: string | undefined
}

const schemes = new Map<
  string,
  { readonly kind: RedisUrl['kind']; readonly isEncrypted: boolean; readonly port: number }
>([
  ['redis', { kind: 'server', isEncrypted: false, port: 6_379 }],
  ['rediss', { kind: 'server', isEncrypted: true, port: 6_379 }],
  ['redis-cluster', { kind: 'cluster', isEncrypted: false, port: 6_379 }],
  ['rediss-cluster', { kind: 'cluster', isEncrypted: true, port: 6_379 }],
  ['redis-sentinel', { kind: 'sentinel', isEncrypted: false, port: 26_379 }],
  ['rediss-sentinel', { kind: 'sentinel', isEncrypted: true, port: 26_379 }],
])

const sentinelParameters = ['name', 'sentinelUsername', 'sentinelPassword']

/** The forms of the URL, for errors. */
export const redisUrlForms =
  'redis://user:password@host:6379/0, redis-cluster://host1:6379,host2:6379 or redis-sentinel://host1:26379,host2:26379/0?name=mymaster; rediss…:// for TLS'

/**
 * Parses the URL of Redis.
 *
 * @throws RangeError whose message says what is wrong with the URL, without the password: "names no host"
 */
export function parseRedisUrl(text: string): RedisUrl {
  const [schemeText = '', rest = ''] = splitOnce(text, '://')
  const scheme = schemes.get(schemeText.toLowerCase())
  if (scheme === undefined || rest === '') throw new RangeError('has another form')
  if (rest.includes('://'))
    throw new RangeError(
      'names several servers: topics are not distributed over separate servers any more. Use a Redis Cluster (redis-cluster://host1:6379,host2:6379), or one server',
    )
  const { kind, isEncrypted, port: defaultPort } = scheme
  const [beforeQuery, query = ''] = splitOnce(rest, '?')
  const [authority = '', path = ''] = splitOnce(beforeQuery ?? '', '/')
  const at = authority.lastIndexOf('@')
  const [username = '', password] = splitOnce(authority.slice(0, Math.max(0, at)), ':')
  const nodes = authority
    .slice(at + 1)
    .split(',')
    .map((node) => parseNode(node.trim(), defaultPort))
  const [first, ...otherNodes] = nodes
  if (first === undefined) throw new RangeError('names no host')
  if (kind === 'server' && otherNodes.length > 0)
    throw new RangeError('names several hosts; write redis-cluster:// or redis-sentinel:// before them')
  const db = path === '' ? 0 : Number(path)
  if (!Number.isInteger(db) || db < 0) throw new RangeError('has a database that is no number')
  if (kind === 'cluster' && db !== 0) throw new RangeError('has a database; a cluster has only the database 0')
  const parameters = new URLSearchParams(query)
  const primaryName = parameters.get('name') ?? ''
  if (kind === 'sentinel' && primaryName === '')
    throw new RangeError('does not name the primary; add its name at the Sentinels, such as ?name=mymaster')
  for (const name of parameters.keys())
    if (kind !== 'sentinel' || !sentinelParameters.includes(name))
      throw new RangeError(
        `has a parameter that it may not have; those for Sentinels are ${sentinelParameters.join(', ')}`,
      )
  return {
    kind,
    isEncrypted,
    nodes: [first, ...otherNodes],
    username: username === '' ? undefined : decodeURIComponent(username),
    password: password === undefined ? undefined : decodeURIComponent(password),
    db,
    primaryName,
    sentinelUsername: parameters.get('sentinelUsername') ?? undefined,
    sentinelPassword: parameters.get('sentinelPassword') ?? undefined,
  }
}

function parseNode(text: string, defaultPort: number): RedisNode {
  // An IPv6 address is in brackets.
  const end = text.startsWith('[') ? text.indexOf(']') : -1
  const host = end === -1 ? (splitOnce(text, ':')[0] ?? '') : text.slice(1, end)
  const portText = end === -1 ? splitOnce(text, ':')[1] : splitOnce(text.slice(end + 1), ':')[1]
  const port = portText === undefined ? defaultPort : Number(portText)
  if (host === '') throw new RangeError('has an empty host')
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new RangeError('has a port that is no number from 1 to 65535')
  return { host, port }
}

/** Splits a text at the first separator; the second part is undefined when there is none. */
function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const index = text.indexOf(separator)
  return index === -1 ? [text, undefined] : [text.slice(0, index), text.slice(index + separator.length)]
}
