import { type DocumentNode, type GraphQLSchema, Kind, TypeInfo, visit, visitWithTypeInfo } from 'graphql'
import { type Dependence, readDependence } from './topic-field.ts'

/**
 * Creates a function that returns whether a document selects, at any depth, a viewer-dependent
 * field. Results are cached per document.
 */
export function createDependences(schema: GraphQLSchema): (document: DocumentNode, isLimited: boolean) => boolean {
  const cache = new WeakMap<DocumentNode, ReadonlySet<Dependence>>()

  const read = (document: DocumentNode): ReadonlySet<Dependence> => {
    const found = new Set<Dependence>()
    const types = new TypeInfo(schema)
    visit(
      document,
      visitWithTypeInfo(types, {
        [Kind.FIELD]: () => {
          const field = types.getFieldDef()
          const dependence = field ? readDependence(field) : null
          if (dependence !== null) found.add(dependence)
        },
      }),
    )
    return found
  }

  return (document, isLimited) => {
    const found = cache.get(document) ?? read(document)
    cache.set(document, found)
    return found.has('viewer') || (isLimited && found.has('limits'))
  }
}
