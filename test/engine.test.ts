import { expect, test } from 'vitest'
import { start } from '../examples/engine/server.ts'
import { createTestDatabase } from './support/database.ts'

interface Publishing {
  readonly __typename: string
  readonly message?: string
  readonly task?: { readonly id: string }
}

test('an application on the engine, outside this package, changes its row when its task starts and ends', async () => {
  await using database = await createTestDatabase({ empty: true })
  await using resources = new AsyncDisposableStack()
  const { url } = await start({ DATABASE_URL: database.url, PORT: '0', LOG_LEVEL: 'silent' }, resources)
  const { pool } = database.database
  const statusOf = async (id: string): Promise<string | undefined> =>
    (await pool.query<{ status: string }>('select status from article where id = $1', [id])).rows[0]?.status
  await pool.query("insert into article (id, title) values ('a', 'Owls')")

  const publish = async (articleId: string): Promise<Publishing | undefined> => {
    const query = `mutation ($articleId: ID!) { publishArticle(articleId: $articleId) {
      __typename ... on Error { message } ... on PublishArticleSuccess { task { id } } } }`
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables: { articleId } }),
    })
    return ((await response.json()) as { readonly data?: { readonly publishArticle: Publishing } }).data?.publishArticle
  }
  const started = await publish('a')
  expect(started?.__typename).toBe('PublishArticleSuccess')
  const parameters = new URLSearchParams({
    query: `subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) {
      seq ... on TaskCompleted { result { ... on ArticlePublished { articleId } } } } }`,
    variables: JSON.stringify({ id: started?.task?.id }),
  })
  const events = await fetch(`${url}/graphql?${parameters}`, { headers: { accept: 'text/event-stream' } })
  expect(await events.text()).toContain('"result":{"articleId":"a"}')
  expect(await statusOf('a')).toBe('PUBLISHED')
  expect(await publish('a')).toEqual({ __typename: 'ConflictError', message: 'The article "a" is not a draft' })
})
