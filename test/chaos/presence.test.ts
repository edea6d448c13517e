import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { secret, signToken } from '../server/support.ts'
import { type Cluster, startCluster } from './servers.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster(2, { JWT_SECRET: secret })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

interface Told {
  readonly present?: readonly string[]
  readonly session?: { readonly present: readonly string[] }
}
const query =
  'subscription ($id: ID!, $after: Cursor) { sessionEvents(sessionId: $id, after: $after) { __typename cursor ... on SessionSnapshot { session { present } } ... on SessionPresenceChanged { present } } }'

/** Follows a session on a node. @returns the last received presence */
async function watch(node: number, userId: string, id: string): Promise<() => readonly string[]> {
  const url = cluster.nodes[node]?.url ?? ''
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: { authorization: `Bearer ${await signToken({ sub: userId })}` },
  })
  let present: readonly string[] = []
  client.subscribe<{ sessionEvents: Told }>(
    { query, variables: { id } },
    {
      next({ data }) {
        present = data?.sessionEvents.present ?? data?.sessionEvents.session?.present ?? present
      },
      // The server of one of them is killed.
      error: () => undefined,
      complete: () => undefined,
    },
  )
  return () => present
}
async function ask<T>(text: string, userId: string): Promise<T> {
  const response = await fetch(`${cluster.nodes[0]?.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await signToken({ sub: userId })}` },
    body: JSON.stringify({ query: text }),
  })
  return ((await response.json()) as { data: T }).data
}

test('users on a killed server disappear within 15 s for those on the other', async () => {
  const { createSession } = await ask<{ createSession: { session: { id: string } } }>(
    'mutation { createSession(input: { clientId: "c", title: "T" }) { ... on CreateSessionSuccess { session { id } } } }',
    'ada',
  )
  const { id } = createSession.session
  await ask(`mutation { inviteToSession(input: { sessionId: "${id}", userId: "bob" }) { __typename } }`, 'ada')
  const hers = await watch(0, 'ada', id)
  const his = await watch(1, 'bob', id)
  for (const present of [hers, his]) await vi.waitFor(() => expect(present()).toEqual(['ada', 'bob']))
  await cluster.nodes[1]?.kill('SIGKILL')
  await vi.waitFor(() => expect(hers()).toEqual(['ada']))
})
