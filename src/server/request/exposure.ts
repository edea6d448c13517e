import { BREAK, type DocumentNode, GraphQLError, Kind, visit } from 'graphql'
import type { Config } from '../../config.ts'
import type { Viewer } from '../../tasks/model/viewer.ts'

/** The parts of the schema that a server discloses, and the callers that may read them. */
export interface Exposure {
  readonly introspection: 'all' | 'viewers' | 'off'
  readonly hasSuggestions: boolean
  readonly hasGraphiql: boolean
}

/**
 * Reads the settings of the exposure. In production the schema is for callers with a token, and
 * neither errors nor a page disclose it to others; elsewhere everything is on.
 */
export function readExposure(
  config: Pick<Config, 'NODE_ENV' | 'INTROSPECTION' | 'SUGGESTIONS' | 'GRAPHIQL'>,
): Exposure {
  const isProduction = config.NODE_ENV === 'production'
  return {
    introspection: config.INTROSPECTION ?? (isProduction ? 'viewers' : 'all'),
    hasSuggestions: config.SUGGESTIONS ?? !isProduction,
    hasGraphiql: config.GRAPHIQL ?? !isProduction,
  }
}

/** Removes the suggestion that graphql adds to the message of an error. */
export function removeSuggestion(error: GraphQLError): void {
  const at = error.message.indexOf(' Did you mean ')
  if (at >= 0) error.message = error.message.slice(0, at)
}

/**
 * Creates the check of introspection.
 * @returns a function that returns why a document is refused; null when it is not
 */
export function createIntrospectionCheck({
  introspection,
}: Exposure): (document: DocumentNode, viewer: Viewer | null) => GraphQLError | null {
  const cache = new WeakMap<DocumentNode, boolean>()
  const isIntrospection = (document: DocumentNode): boolean => {
    let isFound = cache.get(document)
    if (isFound === undefined) {
      isFound = findIntrospection(document)
      cache.set(document, isFound)
    }
    return isFound
  }
  return (document, viewer) => {
    const isAllowed = introspection === 'all' || (introspection === 'viewers' && viewer !== null)
    if (isAllowed || !isIntrospection(document)) return null
    return introspection === 'off'
      ? new GraphQLError('Introspection is off on this server (INTROSPECTION)', { extensions: { code: 'FORBIDDEN' } })
      : new GraphQLError('Introspection requires a token (INTROSPECTION)', { extensions: { code: 'UNAUTHENTICATED' } })
  }
}

function findIntrospection(document: DocumentNode): boolean {
  let isFound = false
  visit(document, {
    [Kind.FIELD]: ({ name }) => {
      if (name.value !== '__schema' && name.value !== '__type') return undefined
      isFound = true
      return BREAK
    },
  })
  return isFound
}
