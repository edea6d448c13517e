import pg from 'pg'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMaskError } from '../../../src/server/request/mask.ts'
import { type ApiFixture, startApi } from '../../support/api.ts'
import { type ServedApi, serveApi } from '../../support/serve-api.ts'
import { createSteadyKind } from '../../support/test-kinds.ts'
import { signToken, startTestServer } from '../support.ts'

let api: ApiFixture
let served: ServedApi
let authorization: string
beforeAll(async () => {
  api = await startApi({}, [createSteadyKind()])
  served = await serveApi(api)
  authorization = `Bearer ${await signToken({ sub: 'u_1' }, { expiresInMs: 3_600_000 })}`
})
afterAll(async () => {
  await served[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

interface Answer {
  readonly status: number
  readonly retryAfter: string | null
  readonly body: {
    readonly data?: Record<string, unknown> | null
    readonly errors?: readonly { readonly message: string; readonly extensions: Record<string, unknown> }[]
    readonly extensions?: unknown
  }
}
async function post(query: string, variables: object = {}, accept = 'application/json'): Promise<Answer> {
  const response = await fetch(`${served.server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, authorization },
    body: JSON.stringify({ query, variables }),
  })
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    body: (await response.json()) as Answer['body'],
  }
}

/**
 * Makes each insert into a table fail with a SQLSTATE, `times` times; PostgreSQL itself raises it.
 */
async function failInserts(table: string, state: string, times: number): Promise<AsyncDisposable> {
  const { pool } = api.database
  await pool.query(`
    create sequence public.failures;
    create function fail_insert() returns trigger language plpgsql as $$ begin
      if nextval('public.failures') <= ${times} then raise exception 'simulated' using errcode = '${state}'; end if;
      return new;
    end $$;
    create trigger fail_insert before insert on ${table} for each row execute function fail_insert()`)
  return {
    [Symbol.asyncDispose]: async () => {
      await pool.query('drop function fail_insert() cascade; drop sequence public.failures')
    },
  }
}

const states = ['57014', '55P03', '25006', '40001', '40P01', '53100', '53200', '58030', '57P01', '08006']
const importText = `mutation ($text: String!) { importDocument(input: { source: { text: $text }, name: "a.md" }) { __typename } }`

describe('a failure of the database', () => {
  test.each(states)('%s makes a mutation unavailable: status 503, with a time to retry', async (state) => {
    await using _ = await failInserts('studio.document', state, 1_000)
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const { status, retryAfter, body } = await post(importText, { text: '# A\n\nB.\n' }, accept)
      expect(body.errors?.[0]?.extensions).toEqual({
        code: 'UNAVAILABLE',
        retryable: true,
        retryAfterMs: expect.any(Number),
      })
      expect(status).toBe(503)
      expect(Number(retryAfter)).toBeGreaterThanOrEqual(1)
      expect(body).not.toHaveProperty('extensions')
    }
  })

  test.each(states)('%s at an append delays a task, and does not fail it', async (state) => {
    const task = await api.start('STEADY')
    await api.history(task)
    await using _ = await failInserts('tidings.event', state, 2)
    const next = await api.engine.tasks
      .start({ kind: 'STEADY', input: {}, owner: 'u_1' })
      .catch(() => api.engine.tasks.start({ kind: 'STEADY', input: {}, owner: 'u_1' }))
      .catch(() => api.engine.tasks.start({ kind: 'STEADY', input: {}, owner: 'u_1' }))
    expect((await api.history(next.task)).at(-1)?.type).toBe('TaskCompleted')
  })

  test('does not change the status of a partial result and of an event stream', async () => {
    await using fixture = await startTestServer()
    const statusOf = async (query: string, accept: string): Promise<readonly [number, string | null]> => {
      const response = await fetch(`${fixture.server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body: JSON.stringify({ query }),
      })
      expect(await response.text()).toContain('"retryAfterMs"')
      return [response.status, response.headers.get('retry-after')]
    }
    expect(await statusOf('{ away }', 'application/json')).toEqual([503, '2'])
    expect(await statusOf('{ hello away }', 'application/json')).toEqual([200, null])
    expect(await statusOf('{ away }', 'text/event-stream')).toEqual([200, null])
  })

  test('is logged with its cause', () => {
    const lines: string[] = []
    const maskError = createMaskError(pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }))
    maskError(Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' }))
    expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ cause: 'statement_timeout' })
  })
})

test('a subscriber of a database that becomes read-only sees every event once, and no defect', async () => {
  const client = await served.connect('u_1')
  const name = new URL(api.test.url).pathname.slice(1)
  const turn = async (isReadOnly: boolean): Promise<void> => {
    // A connection of its own: those of the pool are terminated.
    const client = new pg.Client({ connectionString: api.test.url })
    await client.connect()
    try {
      await client.query(
        `begin read write; alter database ${name} set default_transaction_read_only = ${isReadOnly}; commit`,
      )
      await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      )
    } finally {
      await client.end()
    }
  }
  // Does not end automatically, whether or not the database interrupts an attempt.
  const task = await api.start('STEADY', { input: { finishFrom: 9 } })
  await api.event(task, 'TaskAdvanced')
  const seen: { readonly seq: number; readonly __typename: string }[] = []
  const problems: unknown[] = []
  const watching = client.iterate<{ taskProgress: (typeof seen)[number] }>({
    query: 'subscription ($id: ID!) { taskProgress(taskId: $id) { __typename seq } }',
    variables: { id: task.id },
  })
  const reading = (async () => {
    for await (const { data, errors } of watching) {
      if (errors !== undefined) problems.push(errors)
      if (data) seen.push(data.taskProgress)
    }
  })()
  reading.catch(() => undefined)
  await expect.poll(() => seen.length).toBeGreaterThan(2)
  await turn(true)
  await expect
    .poll(async () => (await post(importText, { text: '# A\n\nB.\n' })).body.errors?.[0]?.extensions['code'])
    .toBe('UNAVAILABLE')
  await turn(false)
  await expect.poll(async () => (await post(importText, { text: '# A\n\nB.\n' })).status).toBe(200)
  // A connection that was being opened at that moment may still be read-only.
  await expect
    .poll(async () => {
      const { body } = await post('mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }', {
        id: task.id,
      })
      return body.data?.['cancelTask']
    })
    .toEqual({ __typename: 'CancelTaskSuccess' })
  await reading
  expect(problems).toEqual([])
  const seqs = seen.map(({ seq }) => seq)
  expect(seqs).toEqual([...new Set(seqs)].sort((one, other) => one - other))
  expect(seen.at(-1)?.__typename).toBe('TaskCanceled')
})
