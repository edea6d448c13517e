import { describe, expect, test } from 'vitest'
import { classifyDatabaseError } from '../../src/db/failure.ts'
import { retryTransient } from '../../src/db/retry.ts'
import { TidingsError } from '../../src/errors.ts'

const coded = (code: string, more: object = {}): Error => Object.assign(new Error('x'), { code, ...more })

describe('classifyDatabaseError', () => {
  test.each([
    // An error, its cause, whether the transaction certainly changed nothing, and whether the
    // connection is unusable.
    [coded('57014'), 'statement_timeout', true, false],
    [coded('55P03'), 'lock_not_available', true, false],
    [coded('40001'), 'serialization_failure', true, false],
    [coded('40P01'), 'deadlock_detected', true, false],
    [coded('53100'), 'disk_full', true, false],
    [coded('53200'), 'out_of_memory', true, false],
    [coded('53300'), 'too_many_connections', true, true],
    [coded('25006'), 'read_only_sql_transaction', true, true],
    [coded('25P03'), 'idle_in_transaction_session_timeout', true, true],
    [coded('57P01'), 'admin_shutdown', false, true],
    [coded('57P02'), 'crash_shutdown', false, true],
    [coded('57P03'), 'cannot_connect_now', true, true],
    [coded('08006'), 'connection_exception', false, true],
    [coded('ECONNRESET', { syscall: 'read' }), 'ECONNRESET', false, true],
    [coded('EPIPE', { syscall: 'write' }), 'EPIPE', false, true],
    [coded('ECONNREFUSED', { syscall: 'connect' }), 'ECONNREFUSED', true, true],
    [coded('ENOENT', { syscall: 'connect' }), 'ENOENT', true, true],
    [coded('ENOTFOUND', { syscall: 'getaddrinfo' }), 'ENOTFOUND', true, true],
    [new Error('Connection terminated unexpectedly'), 'connection_lost', false, true],
    [new Error('Client has encountered a connection error and is not queryable'), 'connection_lost', false, true],
    [new Error('Connection terminated due to connection timeout'), 'connect_timeout', true, true],
    [new Error('timeout exceeded when trying to connect'), 'connect_timeout', true, true],
    [new TidingsError('UNAVAILABLE', 'x', {}, { cause: coded('57014') }), 'statement_timeout', true, false],
  ])('classifies %o as a failure of the infrastructure: %s', (error, cause, isUndone, isConnectionLost) => {
    expect(classifyDatabaseError(error)).toMatchObject({ cause, isUndone, isConnectionLost })
    expect(classifyDatabaseError(error)?.retryAfterMs).toBeGreaterThan(0)
  })

  test.each([
    // Errors of a statement, of its values, or of something other than the database.
    coded('23505'),
    coded('22021'),
    coded('42P01'),
    coded('25P02'),
    coded('28P01'),
    coded('3D000'),
    coded('P0001'),
    coded('ECONNRESET'),
    coded('ENOENT', { syscall: 'open' }),
    coded('EMFILE', { syscall: 'open' }),
    coded('toString'),
    new Error('x'),
    new TidingsError('NOT_FOUND', 'x'),
    'x',
    undefined,
    null,
  ])('does not classify %o as one', (error) => {
    expect(classifyDatabaseError(error)).toBeNull()
  })

  test('ends on an error that is its own cause', () => {
    const error = new Error('x')
    error.cause = error
    expect(classifyDatabaseError(error)).toBeNull()
  })
})

describe('retryTransient', () => {
  test('retries transient failures only', async () => {
    let tries = 0
    const work = async (): Promise<number> => {
      tries++
      if (tries < 3) throw coded('57014')
      return tries
    }
    expect(await retryTransient(60_000, work)).toBe(3)
    await expect(retryTransient(60_000, () => Promise.reject(coded('23505')))).rejects.toMatchObject({ code: '23505' })
  })

  test('fails as unavailable when the time is over, and keeps the cause', async () => {
    const cause = coded('25006')
    await expect(retryTransient(0, () => Promise.reject(cause))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryable: true,
      cause,
    })
  })
})
