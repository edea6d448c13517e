import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseStudioConfig } from '../../src/studio/config.ts'
import { createQuotas } from '../../src/studio/quotas.ts'
import { type ApiFixture, startApi, viewerOf } from '../support/api.ts'

let api: ApiFixture
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api[Symbol.asyncDispose]())

const ada = viewerOf('ada')
const bob = viewerOf('bob')
/** Replaces the quotas of the API. */
const limit = (quotas: string): void =>
  void Object.assign(api.services, { quotas: createQuotas(api.engine, parseStudioConfig({ QUOTAS: quotas }).QUOTAS) })
interface Outcome {
  readonly __typename: string
  readonly message?: string
}
const add = async (text: string, key: string | null = null, viewer = ada): Promise<Outcome> => {
  const { result }: { result: Outcome } = await api.run(
    `mutation ($text: String!, $key: String) { result: importDocument(input: { source: { text: $text }, name: "a.md", idempotencyKey: $key }) { __typename ... on Error { message } } }`,
    { text, key },
    viewer,
  )
  return result
}
const create = async (clientId: string, viewer = ada): Promise<Outcome> => {
  const { result }: { result: Outcome } = await api.run(
    'mutation ($id: String!) { result: createSession(input: { clientId: $id, title: "x" }) { __typename ... on Error { message } } }',
    { id: clientId },
    viewer,
  )
  return result
}

test('a user owns a limited number of objects; a repeated request and other users are not refused', async () => {
  limit('documents=2,sessions=1')
  await add('# One', 'one')
  await add('# Two', 'two')
  expect(await add('# Three', 'three')).toMatchObject({
    __typename: 'ConflictError',
    message: 'You have 2 documents, the most that one user may have (QUOTAS); delete one to create another',
  })
  expect(await add('# Two', 'two')).toMatchObject({ __typename: 'ImportDocumentSuccess' })
  expect(await add('# One', 'one', bob)).toMatchObject({ __typename: 'ImportDocumentSuccess' })
  expect(await create('s1')).toMatchObject({ __typename: 'CreateSessionSuccess' })
  expect(await create('s2')).toMatchObject({ __typename: 'ConflictError' })
  expect(await create('s1')).toMatchObject({ __typename: 'CreateSessionSuccess' })
})

const deletions: readonly (readonly [quota: string, type: string, field: string])[] = [
  ['documents', 'Document', 'documentId'],
  ['roadmaps', 'Roadmap', 'roadmapId'],
]
test.each(deletions)(
  'a user who has as many %s as allowed may create another after deleting one',
  async (quota, type, field) => {
    const viewer = viewerOf(`dora-${quota}`)
    limit('')
    const { roadmapId } = await api.makeRoadmap('# Birds\n\n## Owls\n\nOwls hear a mouse under the snow.', viewer)
    const { documents }: { documents: { nodes: { id: string }[] } } = await api.run(
      '{ documents(first: 5) { nodes { id } } }',
      {},
      viewer,
    )
    const documentId = documents.nodes[0]?.id
    const createRoadmap = async (): Promise<Outcome> => {
      const { result }: { result: Outcome } = await api.run(
        'mutation ($id: ID!) { result: createRoadmap(input: { documentId: $id }) { __typename ... on Error { message } } }',
        { id: documentId },
        viewer,
      )
      return result
    }
    const createOne = quota === 'documents' ? () => add('# Another', null, viewer) : createRoadmap
    limit(`${quota}=1`)
    expect(await createOne()).toMatchObject({
      __typename: 'ConflictError',
      message: `You have 1 ${quota}, the most that one user may have (QUOTAS); delete one to create another`,
    })
    const id = quota === 'documents' ? documentId : roadmapId
    const { result }: { result: Outcome } = await api.run(
      `mutation ($id: ID!) { result: delete${type}(input: { ${field}: $id }) { __typename } }`,
      { id },
      viewer,
    )
    expect(result.__typename).toBe(`Delete${type}Success`)
    expect((await createOne()).__typename).toMatch(/Success$/)
  },
)

test('a user who has as many open sessions as allowed may create another after closing one', async () => {
  const viewer = viewerOf('dora-sessions')
  limit('sessions=1')
  const { result }: { result: { session: { id: string } } } = await api.run(
    'mutation { result: createSession(input: { clientId: "s1", title: "x" }) { ... on CreateSessionSuccess { session { id } } } }',
    {},
    viewer,
  )
  expect(await create('s2', viewer)).toMatchObject({
    message: 'You have 1 open sessions, the most that one user may have (QUOTAS); close one to create another',
  })
  await api.run(
    'mutation ($id: ID!) { closeSession(input: { sessionId: $id }) { __typename } }',
    { id: result.session.id },
    viewer,
  )
  expect(await create('s2', viewer)).toMatchObject({ __typename: 'CreateSessionSuccess' })
})

test('the documents of a user have a limited size', async () => {
  const cleo = viewerOf('cleo')
  limit('storageMb=1')
  expect(await add(`# Big\n\n${'word '.repeat(150_000)}`, 'big', cleo)).toMatchObject({
    __typename: 'ImportDocumentSuccess',
  })
  expect(await add(`# More\n\n${'word '.repeat(60_000)}`, 'more', cleo)).toMatchObject({
    __typename: 'ConflictError',
    message: expect.stringContaining('1 MB (QUOTAS)'),
  })
  expect(await add('# Small', 'small', cleo)).toMatchObject({ __typename: 'ImportDocumentSuccess' })
})

test('0 is unlimited', async () => {
  limit('documents=0,storageMb=0')
  expect(await add('# Any')).toMatchObject({ __typename: 'ImportDocumentSuccess' })
})
