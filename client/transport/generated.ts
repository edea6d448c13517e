import type { StreamError } from './transport.ts'

/**
 * Shown when the server does not know a generated document for longer than a rolling upgrade takes.
 */
export const newerThanServer = 'The page is newer than the server'

/** Whether a document was generated from the schema by `codegen.ts` rather than written by hand. */
export function isGenerated(document: object): boolean {
  return (document as { readonly __meta__?: { readonly generated?: unknown } }).__meta__?.generated === true
}

/**
 * Whether the server does not know the fields that a document selects. A generated document is
 * valid for the schema of its page, so an older server answered, as happens during a rolling
 * upgrade. That server has executed nothing.
 */
export function isUnknownToServer(errors: readonly Pick<StreamError, 'extensions'>[] | undefined): boolean {
  return errors?.[0]?.extensions?.['code'] === 'GRAPHQL_VALIDATION_FAILED'
}
