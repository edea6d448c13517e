import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { expect, test } from 'vitest'
import { createTestDirectory } from '../support/directory.ts'
import { startPostgresPair } from '../support/postgres-pair.ts'

const run = promisify(execFile)
const file = (name: string): URL => new URL(`../../deploy/scale/${name}`, import.meta.url)

test.each(['haproxy.cfg', '../haproxy/haproxy.cfg'])('HAProxy accepts %s', async (name) => {
  const { stdout } = await run('haproxy', ['-c', '-f', file(name).pathname])
  expect(stdout).toContain('Configuration file is valid')
})

test('Patroni accepts its configuration of the compose file', async () => {
  await using directory = await createTestDirectory()
  const { stdout: binaries } = await run('pg_config', ['--bindir'])
  const text = await readFile(file('patroni.yml'), 'utf8')
  await writeFile(directory.join('patroni.yml'), text.replace(/bin_dir: .*/, `bin_dir: ${binaries.trim()}`))
  const environment = {
    PATRONI_NAME: 'postgres-1',
    PATRONI_RESTAPI_CONNECT_ADDRESS: '192.0.2.1:8008',
    PATRONI_POSTGRESQL_CONNECT_ADDRESS: '192.0.2.1:5432',
    PATRONI_SUPERUSER_PASSWORD: 'secret',
    PATRONI_REPLICATION_PASSWORD: 'secret',
    PATRONI_REWIND_PASSWORD: 'secret',
  }
  const outcome = await run('patroni', ['--validate-config', directory.join('patroni.yml')], {
    env: { ...process.env, ...environment },
  }).catch((error: unknown) => error as { readonly stdout: string })
  const complaints = outcome.stdout
    .split('\n')
    .filter((line) => line !== '')
    // The etcd of the file cannot be reached here, and 3.0.2 wants the former place of the key.
    .filter((line) => !line.startsWith('etcd3.hosts.') && !line.startsWith('bootstrap.pg_hba '))
  expect(complaints).toEqual([])
})

test('a new primary gets the database and its user, with the timeouts that a pooler does not pass on', async () => {
  await using pair = await startPostgresPair()
  const environment = { ...process.env, TIDINGS_PASSWORD: 'secret' }
  await run('sh', [file('create-database.sh').pathname, pair.url], { env: environment })
  const url = new URL(pair.url)
  url.username = 'tidings'
  url.pathname = '/tidings'
  const client = new pg.Client(url.href)
  await client.connect()
  const { rows } = await client.query(
    `select current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle,
       pg_get_userbyid(datdba) as owner from pg_database where datname = current_database()`,
  )
  await client.end()
  expect(rows).toEqual([{ statement: '4s', idle: '10s', owner: 'tidings' }])
})
