import type { Exchange } from '@urql/core'
import { composeExchanges } from '@urql/core'
import { type CacheExchangeOpts, cacheExchange, type UpdatesConfig } from '@urql/exchange-graphcache'
import { map, pipe } from 'wonka'
import { createTaskCache } from './cache-events.ts'
import type { CacheContext, CacheRules } from './cache-rules.ts'
import { withLateAnswers } from './late-answers-exchange.ts'
import { optimisticExchange } from './optimistic-exchange.ts'

/** The schema in the form that graphcache takes. */
export type CacheSchema = NonNullable<CacheExchangeOpts['schema']>

/**
 * Creates urql's normalised cache, configured for this API. Entities are keyed by id, and types
 * without an id are embedded in their parent. Task events update the task wherever it is shown.
 *
 * @param createRules - the rules of the applications
 */
export function createCacheExchange(
  schema: CacheSchema,
  createRules: readonly ((context: CacheContext) => CacheRules)[] = [],
): Exchange {
  const { keys, fields } = readSchema(schema)
  const tasks = createTaskCache(fields)
  const rules = createRules.map((create) => create(tasks))
  for (const rule of rules) tasks.add(rule)
  const updates: UpdatesConfig = {
    Subscription: Object.assign(
      {
        taskProgress(result, { fromStart }, cache) {
          // A replay of the history reports past states, not the current one.
          if (fromStart !== true) tasks.applyEvent(cache, result['taskProgress'])
        },
      } satisfies UpdatesConfig['Subscription'],
      ...rules.map((rule) => rule.updates?.['Subscription']),
    ),
    Mutation: Object.assign({}, ...rules.map((rule) => rule.updates?.['Mutation'])),
  }
  const cache = cacheExchange({
    schema,
    keys: Object.fromEntries(keys.map((type) => [type, () => null])),
    updates,
  })
  const exchanges = composeExchanges([
    optimisticExchange(Object.assign({}, ...rules.map(({ predictions }) => predictions)), fields),
    withLateAnswers(cache, tasks, fields),
  ])
  // A request that fails before execution has `data: null`, which urql's types do not allow.
  return (input) => {
    const exchange = exchanges(input)
    return (operations$) =>
      pipe(
        exchange(operations$),
        map((result) => (result.data === null ? { ...result, data: undefined } : result)),
      )
  }
}

/**
 * Reads from the schema the object types that are embedded in others, and the field names of all
 * object types.
 */
function readSchema(schema: CacheSchema): {
  readonly keys: readonly string[]
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>
} {
  const keys: string[] = []
  const fields = new Map<string, ReadonlySet<string>>()
  for (const type of schema.__schema.types ?? []) {
    if (type.kind !== 'OBJECT') continue
    const names = new Set<string>(type.fields.map(({ name }: { readonly name: string }) => name))
    fields.set(type.name, names)
    // The id of an error refers to another entity.
    const isError = type.interfaces.some(({ name }: { readonly name: string }) => name === 'Error')
    if (!names.has('id') || isError) keys.push(type.name)
  }
  return { keys, fields }
}
