import SchemaBuilder from '@pothos/core'
import { GraphQLError } from 'graphql'
import { TidingsError } from '../../src/errors.ts'
import { isLimited, type Viewer } from '../../src/tasks/model/viewer.ts'
import type { Context } from './context.ts'

/** The TypeScript types of the schema. */
interface SchemaTypes {
  Context: Context
  DefaultFieldNullability: false
  DefaultInputFieldRequiredness: false
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date | string }
    Cursor: { Input: string; Output: string }
    JSON: { Input: unknown; Output: unknown }
    Upload: { Input: Pick<File, 'name' | 'size' | 'bytes'>; Output: never }
  }
}

/** The types extended by Pothos' defaults: the first parameter of its refs. */
export type Types = PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>

/** A builder of a schema with the types of Tidings. */
export type Builder = PothosSchemaTypes.SchemaBuilder<Types>

/** Creates the builder of one schema, with its root types and scalars. */
export function createBuilder(): Builder {
  const builder = new SchemaBuilder<SchemaTypes>({ defaultFieldNullability: false })
  addRootTypes(builder)
  addScalars(builder)
  return builder
}

function addRootTypes(builder: Builder): void {
  builder.queryType({
    description: 'Queries. All fields except `viewer` require a token when the server requires tokens.',
  })
  builder.mutationType({
    description: 'Changes. Failures that the caller can act on are members of the result: select them with fragments.',
  })
  builder.subscriptionType({
    description:
      'Subscriptions, over WebSocket (graphql-transport-ws), Server-Sent Events, or by polling with `extensions: { catchUp: true }`.',
  })
}

/**
 * `date-time` of RFC 3339. `Date` accepts more than that, such as `2026`, and parses dates without
 * an offset as local time.
 */
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

function addScalars(builder: Builder): void {
  builder.scalarType('DateTime', {
    description: 'An instant in UTC, RFC 3339 with milliseconds. As an input, with any offset.',
    specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
    serialize: (value) => (typeof value === 'string' ? value : value.toISOString()),
    parseValue: (value) => {
      const date = new Date(typeof value === 'string' && rfc3339.test(value) ? value : Number.NaN)
      if (Number.isNaN(date.getTime()))
        throw new GraphQLError(`${JSON.stringify(value)} is not an instant; write 2026-01-31T12:00:00.000Z`)
      return date
    },
  })
  builder.scalarType('JSON', {
    description: 'Any JSON value.',
    specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
    serialize: (value) => value,
  })
  builder.scalarType('Cursor', {
    description: 'Opaque position in a topic’s log. Store it, compare it for equality, pass it back as `after`.',
    serialize: (value) => value,
    parseValue: (value) => {
      if (typeof value !== 'string') throw new GraphQLError('A cursor is a string that was received as `cursor`')
      return value
    },
  })
  builder.scalarType('Upload', {
    description: 'A file, sent as a part of a multipart request.',
    specifiedByURL: 'https://github.com/jaydenseric/graphql-multipart-request-spec',
    serialize: () => {
      throw new GraphQLError('A file can only be sent')
    },
    parseValue: (value) => {
      // A value parsed from JSON has no functions.
      if (typeof (value as { readonly bytes?: unknown } | null)?.bytes !== 'function')
        throw new GraphQLError('Send the file as a part of a multipart request')
      return value as File
    },
  })
}

/**
 * Returns the viewer of an unscoped token: required by all operations except those that honor the
 * scope of a token.
 *
 * @throws TidingsError `UNAUTHENTICATED`; `FORBIDDEN` when the token is scoped
 */
export function requireViewer(context: Pick<Context, 'viewer'>): Viewer {
  const viewer = requireLimitedViewer(context)
  if (isLimited(viewer)) throw refuseLimited(viewer)
  return viewer
}

/**
 * Returns the viewer, also of a token scoped to some tasks and sessions: only for operations that
 * honor the scope.
 *
 * @throws TidingsError `UNAUTHENTICATED`
 */
export function requireLimitedViewer(context: Pick<Context, 'viewer'>): Viewer {
  if (context.viewer === null)
    throw new TidingsError(
      'UNAUTHENTICATED',
      'This needs a token: send `Authorization: Bearer …`, over WebSocket as `authorization` in connection_init',
    )
  return context.viewer
}

/** Creates the refusal of a scoped token where an unscoped one is required. */
export function refuseLimited({ taskIds, sessionIds }: Viewer): TidingsError {
  const named = [...nameAll('task', taskIds), ...nameAll('session', sessionIds)].join(' and ')
  return new TidingsError(
    'FORBIDDEN',
    `This token is limited to ${named}; this needs a token without the claims \`tasks\` and \`sessions\``,
  )
}

function nameAll(what: string, ids: readonly string[] | null): readonly string[] {
  if (ids === null) return []
  if (ids.length === 0) return [`no ${what}s`]
  const names = ids.slice(0, 3).map((id) => JSON.stringify(id))
  return [`${what} ${names.join(', ')}${ids.length > names.length ? ` and ${ids.length - names.length} more` : ''}`]
}
