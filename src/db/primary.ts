import pg from 'pg'

/** The address of a server. */
interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** Finds the primary among several servers; rejects with SQLSTATE 57P03 while none of them accepts writes. */
export type FindPrimary = () => Promise<ServerAddress>

const askMs = 2_000
/** How long after the first primary another one may answer: a former one that does not know yet that it is replaced. */
const graceMs = 100
/** How long an answer is used, so that a pool that opens many connections asks once. */
const keepMs = 500
const defaultPort = 5_432

/**
 * Creates a function that asks all servers at once for the one that accepts writes. Of several, the
 * one on the newest timeline is the primary: the others were replaced and do not know it yet.
 *
 * @param urls - one URL for each server; see {@link splitDatabaseUrl}
 */
export function createPrimaryFinder(urls: readonly string[]): FindPrimary {
  const find = (): Promise<ServerAddress> =>
    new Promise((resolve, reject) => {
      const primaries: { readonly address: ServerAddress; readonly timeline: string }[] = []
      const errors: Error[] = []
      let unanswered = urls.length
      let timer: NodeJS.Timeout | undefined
      const settle = (): void => {
        clearTimeout(timer)
        const [newest] = primaries.toSorted((left, right) => (left.timeline < right.timeline ? 1 : -1))
        if (newest !== undefined) resolve(newest.address)
        else reject(toFailure(errors, urls.length))
      }
      for (const url of urls)
        void ask(url)
          .then(
            (timeline) => {
              if (timeline === null) return
              primaries.push({ address: addressOf(url), timeline })
              timer ??= setTimeout(settle, graceMs)
            },
            (error: Error) => errors.push(error),
          )
          .finally(() => {
            unanswered--
            if (unanswered === 0) settle()
          })
    })
  let answer: { readonly address: Promise<ServerAddress>; readonly askedAt: number } | undefined
  return () => {
    if (answer !== undefined && performance.now() - answer.askedAt < keepMs) return answer.address
    const address = find()
    answer = { address, askedAt: performance.now() }
    address.catch(() => {
      answer = undefined
    })
    return address
  }
}

/** Returns the timeline of a server that accepts writes; null for a standby. */
async function ask(url: string): Promise<string | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: askMs, query_timeout: askMs })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ timeline: string | null }>(
      `select case when pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' then null
        else left(pg_walfile_name(pg_current_wal_lsn()), 8) end as timeline`,
    )
    return rows[0]?.timeline ?? null
  } finally {
    // Not awaited: a server that hangs would never answer.
    void client.end().catch(() => undefined)
    client.connection.stream.destroy()
  }
}

/** A refusal such as a wrong password is reported as it is, if every server refuses. */
function toFailure(errors: readonly Error[], servers: number): Error {
  const [first] = errors
  const areRefusals = errors.length === servers && errors.every((error) => /^(28|3D)/.test(codeOf(error)))
  if (first !== undefined && areRefusals) return first
  const reasons = errors.length === servers ? `: ${errors.map(({ message }) => message).join('; ')}` : ''
  return Object.assign(new Error(`none of its ${servers} servers accepts writes${reasons}`), { code: '57P03' })
}

function codeOf(error: Error): string {
  return String((error as { readonly code?: unknown }).code)
}

function addressOf(url: string): ServerAddress {
  const { hostname, port } = new URL(url)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPort) }
}
