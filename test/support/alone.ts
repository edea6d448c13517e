import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'

/**
 * For files of which only one may run at a time: two with browsers and several servers each are more than two cores carry, and then what
 * they wait for comes too late. The lock is PostgreSQL's, so that it goes with whoever holds it, however that ends.
 */
const url = new URL(inject('templateUrl'))
// A database that others are cloned from must have no connections.
url.pathname = '/postgres'
const client = new pg.Client({ connectionString: url.href })

beforeAll(async () => {
  await client.connect()
  await client.query('select pg_advisory_lock(1)')
}, 1_200_000)
afterAll(() => client.end())
