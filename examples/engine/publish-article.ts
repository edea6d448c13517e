import { createTaskDefinition, stage, TidingsError } from 'tidings/engine'
import { z } from 'zod'

/** Publishes an article. Its row changes in the transactions that queue and end the task. */
export const publishArticle = createTaskDefinition({
  kind: 'PUBLISH_ARTICLE',
  input: z.object({ articleId: z.string() }),
  stages: { check: 30, upload: 70 },
  async begin(client, { articleId }) {
    const statement = "update article set status = 'PUBLISHING' where id = $1 and status = 'DRAFT'"
    const { rowCount } = await client.query(statement, [articleId])
    if (rowCount === 0) throw new TidingsError('CONFLICT', `The article "${articleId}" is not a draft`)
    return { subject: articleId }
  },
  async *run({ input: { articleId } }) {
    yield stage('check')
    yield stage('upload')
    return { type: 'ArticlePublished', articleId }
  },
  async settle(client, { articleId }, { status }) {
    const next = status === 'COMPLETED' ? 'PUBLISHED' : 'DRAFT'
    await client.query('update article set status = $2 where id = $1', [articleId, next])
  },
})
