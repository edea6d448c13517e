import { getIntrospectedSchema, minifyIntrospectionQuery } from '@urql/introspection'
import type { GraphQLSchema } from 'graphql'

/**
 * Returns the types of a schema as JSON. The client's cache needs them to match fragments on interfaces and unions. It reads no
 * arguments, and no inner type of a named type.
 */
export function printCacheSchema(schema: GraphQLSchema): string {
  const data = minifyIntrospectionQuery(getIntrospectedSchema(schema))
  return JSON.stringify(data, (key, value: unknown) => {
    if (key === 'ofType' && value === null) return undefined
    return key === 'args' ? [] : value
  })
}
