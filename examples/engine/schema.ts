import { addCoreTypes, anyFailure, createBuilder, startTask, type TaskSource } from 'tidings/schema'
import { publishArticle } from './publish-article.ts'

const builder = createBuilder()
const { defineResult, defineTaskKinds, defineTaskResults, taskRef } = addCoreTypes(builder)

defineTaskKinds({ [publishArticle.kind]: 'Publishes an article.' })
defineTaskResults({
  ArticlePublished: builder
    .objectRef<{ readonly type: string; readonly articleId: string }>('ArticlePublished')
    .implement({ fields: (t) => ({ articleId: t.exposeID('articleId') }) }),
})

const success = builder
  .objectRef<TaskSource>('PublishArticleSuccess')
  .implement({ fields: (t) => ({ task: t.field({ type: taskRef, resolve: (source) => source }) }) })
const result = defineResult(success, anyFailure)
builder.mutationField('publishArticle', (t) =>
  t.field({
    type: result.type,
    args: { articleId: t.arg.id({ required: true }) },
    resolve: (_, { articleId }, context) =>
      result.run(context, articleId, async () => ({
        task: await startTask(context, publishArticle.kind, { articleId }, null),
      })),
  }),
)

export const schema = builder.toSchema()
