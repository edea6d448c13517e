import { createClient } from 'graphql-ws'
import { createTidings } from 'tidings'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { closeMonth } from '../../examples/authentication/tasks.ts'
import { issueToken } from '../../examples/authentication/token.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { root, type StartedServer, startServerIn } from '../support/packed.ts'

const undo = new AsyncDisposableStack()
let database: TestDatabase
let server: StartedServer

beforeAll(async () => {
  database = undo.use(await createTestDatabase())
  server = undo.use(await startServerIn(root, 'examples/authentication/server.ts', database.url))
})
afterAll(() => undo.disposeAsync())

interface Answer {
  readonly data?: Readonly<Record<string, { readonly __typename?: string; readonly task?: { readonly id: string } }>>
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[]
}

async function send(
  url: string,
  headers: Readonly<Record<string, string>>,
  query: string,
  variables: object = {},
): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  })
  return (await response.json()) as Answer
}

const request = (user: string | null, query: string, variables?: object): Promise<Answer> =>
  send(server.url, user === null ? {} : { cookie: `theme=dark; session=session-of-${user}` }, query, variables)

const start = `mutation ($team: String!) {
  closeMonth(input: { team: $team, month: "2030-01" }) { __typename ... on CloseMonthSuccess { task { id } } }
}`
const read = 'query ($id: ID!) { task(id: $id) { __typename } }'
const cancel = 'mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }'

test('an anonymous caller and one whose session has ended are refused, without introspection', async () => {
  for (const query of ['{ tasks { nodes { id } } }', '{ __schema { queryType { name } } }'])
    expect((await request(null, query)).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
  expect((await request('nobody', '{ tasks { nodes { id } } }')).errors).toMatchObject([
    { extensions: { code: 'UNAUTHENTICATED' } },
  ])
  expect((await request('ada', '{ __schema { queryType { name } } }')).errors).toBeUndefined()
})

test('a kind decides who may start, see and cancel its tasks, also over WebSockets', async () => {
  expect((await request('eve', start, { team: 'sales' })).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
  const startFor = async (user: string): Promise<string> =>
    (await request(user, start, { team: 'sales' })).data?.['closeMonth']?.task?.id ?? ''
  const [ofAda, ofGrace] = [await startFor('ada'), await startFor('grace')]
  expect((await request('grace', read, { id: ofAda })).data).toEqual({ task: { __typename: 'Task' } })
  expect((await request('eve', read, { id: ofAda })).data).toEqual({ task: null })
  expect((await request('eve', cancel, { id: ofAda })).data?.['cancelTask']?.__typename).toBe('NotFoundError')
  expect((await request('grace', cancel, { id: ofAda })).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])

  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { session: 'session-of-ada' },
    retryAttempts: 0,
  })
  const events: string[] = []
  for await (const { data } of client.iterate<{ taskProgress: { __typename: string } }>({
    query: 'subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { __typename } }',
    variables: { id: ofGrace },
  })) {
    events.push(data?.taskProgress.__typename ?? '')
    if (events.length === 1)
      expect((await request('ada', cancel, { id: ofGrace })).data?.['cancelTask']?.__typename).toBe('CancelTaskSuccess')
  }
  await client.dispose()
  expect([events[0], events.at(-1)]).toEqual(['TaskQueued', 'TaskCanceled'])
})

test('a token of the example is valid for its user, or for the tasks that it names only', async () => {
  const jwtSecret = 'a secret of at least 32 characters'
  await using tidings = createTidings({
    tasks: [closeMonth],
    databaseUrl: database.url,
    logger: silentLogger,
    jwtSecret,
  })
  const { url } = await tidings.listen({ port: 0, worker: false })
  const as = async (query: string, variables: object, tasks?: readonly string[]): Promise<Answer> =>
    send(url, { authorization: `Bearer ${await issueToken(jwtSecret, 'user_ada', tasks)}` }, query, variables)
  const ids = [0, 1].map(async () => (await as(start, { team: 'sales' })).data?.['closeMonth']?.task?.id ?? '')
  const [id = '', other = ''] = await Promise.all(ids)
  expect((await as(read, { id }, [id])).data).toEqual({ task: { __typename: 'Task' } })
  expect((await as(read, { id: other }, [id])).data).toEqual({ task: null })
  expect((await as(start, { team: 'sales' }, [id])).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
  expect((await as(cancel, { id }, [id])).data?.['cancelTask']?.__typename).toBe('CancelTaskSuccess')
})
