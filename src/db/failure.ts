/**
 * A failure of the infrastructure below a statement, as opposed to a mistake in the statement or
 * its values.
 */
export interface DatabaseFailure {
  /** The cause for a log line, such as `statement_timeout`. */
  readonly cause: string
  /**
   * Whether the statement and its transaction certainly changed nothing, so that they may be
   * repeated. False when the connection was lost: the commit may have happened.
   */
  readonly isUndone: boolean
  /**
   * Whether the connection is unusable: it was lost, or it leads to a server that no longer accepts
   * writes.
   */
  readonly isConnectionLost: boolean
  /** Delay after which a retry is likely to succeed, in milliseconds. */
  readonly retryAfterMs: number
}

/**
 * SQLSTATE of a statement on a connection that was destroyed because it was silent:
 * `connection_failure`.
 */
export const silentConnectionCode = '08006'

const contention = { isUndone: true, isConnectionLost: false, retryAfterMs: 1_000 }
const exhaustion = { isUndone: true, isConnectionLost: false, retryAfterMs: 5_000 }
const loss = { isUndone: false, isConnectionLost: true, retryAfterMs: 2_000 }

/**
 * Transient failures by SQLSTATE, the longest matching prefix first. Everything else is a defect or
 * the caller's mistake.
 */
const failuresByState: readonly (readonly [prefix: string, failure: DatabaseFailure])[] = [
  ['08P01', { cause: 'protocol_violation', ...loss }],
  ['08', { cause: 'connection_exception', ...loss }],
  ['25006', { cause: 'read_only_sql_transaction', isUndone: true, isConnectionLost: true, retryAfterMs: 2_000 }],
  [
    '25P03',
    { cause: 'idle_in_transaction_session_timeout', isUndone: true, isConnectionLost: true, retryAfterMs: 1_000 },
  ],
  ['40001', { cause: 'serialization_failure', ...contention }],
  // For example the commit of a transaction that lost its synchronous standby: it may have
  // happened.
  ['40003', { cause: 'statement_completion_unknown', ...loss }],
  ['40P01', { cause: 'deadlock_detected', ...contention }],
  ['40', { cause: 'transaction_rollback', ...contention }],
  // Refused while connecting: nothing was sent yet.
  ['53300', { cause: 'too_many_connections', isUndone: true, isConnectionLost: true, retryAfterMs: 2_000 }],
  ['53100', { cause: 'disk_full', ...exhaustion }],
  ['53200', { cause: 'out_of_memory', ...exhaustion }],
  ['53', { cause: 'insufficient_resources', ...exhaustion }],
  ['55P03', { cause: 'lock_not_available', ...contention }],
  ['57014', { cause: 'statement_timeout', ...contention }],
  ['57P01', { cause: 'admin_shutdown', ...loss }],
  ['57P02', { cause: 'crash_shutdown', ...loss }],
  ['57P03', { cause: 'cannot_connect_now', isUndone: true, isConnectionLost: true, retryAfterMs: 2_000 }],
  ['57P', { cause: 'operator_intervention', ...loss }],
  ['58030', { cause: 'io_error', isUndone: false, isConnectionLost: true, retryAfterMs: 5_000 }],
]

/** System errors of sockets and of name resolution. */
const socketCodes =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|EHOST(UNREACH|DOWN)|ENET(UNREACH|DOWN)|EAI_AGAIN|ENOTFOUND|ENOENT|ENOBUFS|EMFILE|ENFILE)$/
/**
 * Codes with the same meaning in every call. The others also occur for files, and for clients of
 * this server that disconnect.
 */
const unmistakableCodes = /^(ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/
const socketCalls: readonly unknown[] = ['connect', 'read', 'write', 'getaddrinfo']
/** Messages of pg and pg-pool errors without a code. */
const lostMessages =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout)/
/**
 * No connection was obtained, so nothing was sent: the pool is exhausted, or a new connection was
 * not established in time.
 */
const unsentMessages =
  /^(timeout exceeded when trying to connect|Connection terminated due to connection timeout|timeout expired|Cannot use a pool)/
const deepestCause = 8

/**
 * Classifies an error by its SQLSTATE, its system code or pg's message: the single place that
 * decides which failures are infrastructure failures. Follows `cause`, as an error may have been
 * wrapped.
 *
 * @returns null when a retry would not help: the statement, its values or the code are wrong
 */
export function classifyDatabaseError(error: unknown): DatabaseFailure | null {
  let current = error
  for (let depth = 0; depth < deepestCause && current instanceof Error; depth++) {
    const failure = classifyOne(current)
    if (failure !== null) return failure
    current = current.cause
  }
  return null
}

function classifyOne(error: Error): DatabaseFailure | null {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (typeof code === 'string') {
    const byState = /^[0-9A-Z]{5}$/.test(code) && failuresByState.find(([prefix]) => code.startsWith(prefix))
    // EPIPE has five letters as well; no SQLSTATE above begins with a letter.
    if (byState) return byState[1]
    if (unmistakableCodes.test(code) || (socketCodes.test(code) && socketCalls.includes(syscall)))
      return {
        ...loss,
        cause: code,
        isUndone: syscall === 'connect' || syscall === 'getaddrinfo' || code === 'ECONNREFUSED',
      }
  }
  if (unsentMessages.test(error.message)) return { ...loss, cause: 'connect_timeout', isUndone: true }
  if (lostMessages.test(error.message)) return { ...loss, cause: 'connection_lost' }
  return null
}
