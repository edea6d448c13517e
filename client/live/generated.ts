import type { StreamError } from './transport.ts'

/** Shown when the server does not understand a generated document for longer than a rolling upgrade takes. */
export const newerThanServer = 'The page is newer than the server'

/** Whether a document was generated from the schema by `codegen.ts`, and not written by hand. */
export function isGenerated(document: object): boolean {
  return (document as { readonly __meta__?: { readonly generated?: unknown } }).__meta__?.generated === true
}

/**
 * Whether the server does not know what a document selects. A generated document is valid for the schema of its page, so
 * then an older server answers, as happens during a rolling upgrade; it has not executed anything.
 */
export function isUnknownToServer(errors: readonly Pick<StreamError, 'extensions'>[] | undefined): boolean {
  return errors?.[0]?.extensions?.['code'] === 'GRAPHQL_VALIDATION_FAILED'
}
