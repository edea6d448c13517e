import type { InterfaceRef, ObjectRef } from '@pothos/core'
import { TidingsError } from '../../src/errors.ts'
import type { Builder, Types } from './builder.ts'

/** A page of a list, as defined by the Relay cursor specification. */
export interface Page<T> {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[]
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
}

/** The source of `PageInfo`: its fields, as a team may have a type of its own. */
interface PageInfo {
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
  readonly startCursor: string | null
  readonly endCursor: string | null
}

/** Adds `PageInfo`. @returns the function that adds connections, and the arguments of lists ordered by creation */
export function addConnections(builder: Builder) {
  const pageInfo = builder.objectRef<PageInfo>('PageInfo').implement({
    description: 'The position of a page in its list.',
    fields: (t) => ({
      hasNextPage: t.exposeBoolean('hasNextPage', { description: 'Whether there are entries after `endCursor`.' }),
      hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
        description: 'Whether there are entries before `startCursor`.',
      }),
      startCursor: t.exposeString('startCursor', {
        nullable: true,
        description: 'The cursor of the first entry; null on an empty page.',
      }),
      endCursor: t.exposeString('endCursor', {
        nullable: true,
        description: 'Pass it back as `after`; null on an empty page.',
      }),
    }),
  })

  /** Adds `<name>Connection` and `<name>Edge` for a node type. */
  function defineConnection<T>(
    name: string,
    node: ObjectRef<Types, T> | InterfaceRef<Types, T>,
  ): ObjectRef<Types, Page<T>> {
    const edge = builder.objectRef<{ readonly cursor: string; readonly node: T }>(`${name}Edge`).implement({
      description: 'One entry of a list.',
      fields: (t) => ({
        cursor: t.exposeString('cursor', { description: 'Pass it back as `after`.' }),
        // The ref's type parameter is unknown here, so its shape cannot be checked against T.
        node: t.field({
          type: node as ObjectRef<Types, unknown>,
          description: 'The entry.',
          resolve: (entry) => entry.node,
        }),
      }),
    })
    return builder.objectRef<Page<T>>(`${name}Connection`).implement({
      description: 'A page of a list, see https://relay.dev/graphql/connections.htm.',
      fields: (t) => ({
        edges: t.field({ type: [edge], description: 'The entries with their cursors.', resolve: (page) => page.edges }),
        nodes: t.field({
          type: [node as ObjectRef<Types, unknown>],
          description: 'The entries without their cursors.',
          resolve: (page) => page.edges.map((entry) => entry.node),
        }),
        pageInfo: t.field({
          type: pageInfo,
          description: 'The position of the page in its list.',
          resolve: ({ edges, hasNextPage, hasPreviousPage }): PageInfo => ({
            hasNextPage,
            hasPreviousPage,
            startCursor: edges[0]?.cursor ?? null,
            endCursor: edges.at(-1)?.cursor ?? null,
          }),
        }),
      }),
    })
  }

  /** The arguments of a list ordered by creation. */
  const listArguments = builder.args((t) => ({
    after: t.string({ description: 'The `endCursor` of the previous page.' }),
    first: t.int({ defaultValue: 20, description: 'The maximum number of entries, up to 100.' }),
  }))

  return { defineConnection, listArguments }
}

const largestPage = 100

/**
 * Returns the size of a page: the argument `first`, 0 to `largest`.
 * @throws TidingsError `BAD_INPUT`
 */
export function pageSize(first: number | null | undefined, fallback: number, largest = largestPage): number {
  const size = first ?? fallback
  if (size < 0 || size > largest) throw new TidingsError('BAD_INPUT', `\`first\` is ${size}; allowed: 0 to ${largest}`)
  return size
}

/** A position in a list ordered by creation, newest first. */
interface ListPlace {
  readonly createdAt: Date
  readonly id: string
}

/**
 * Reads a page of a list ordered by creation, newest first.
 *
 * @param read - returns at most `limit` rows after the position `before`: one more than the page
 * holds, if there are more
 * @param size - of a page, when `first` is omitted
 * @throws TidingsError `BAD_INPUT`
 */
export async function readPage<R extends ListPlace>(
  { after, first }: { readonly after?: string | null | undefined; readonly first?: number | null | undefined },
  read: (range: { readonly before: ListPlace | undefined; readonly limit: number }) => Promise<readonly R[]>,
  size = 20,
): Promise<Page<R>> {
  const limit = pageSize(first, size)
  const before = parsePlace(after)
  const rows = await read({ before, limit: limit + 1 })
  return {
    edges: rows.slice(0, limit).map((node) => ({
      cursor: Buffer.from(`${node.createdAt.toISOString()}|${node.id}`).toString('base64url'),
      node,
    })),
    hasNextPage: rows.length > limit,
    hasPreviousPage: before !== undefined,
  }
}

/** Parses `after` of a list ordered by creation. @throws TidingsError `BAD_INPUT` */
function parsePlace(after: string | null | undefined): ListPlace | undefined {
  if (after === null || after === undefined) return undefined
  const [instant, id] = Buffer.from(after, 'base64url').toString('utf8').split('|')
  const createdAt = new Date(instant ?? '')
  // Values that PostgreSQL could not compare are refused as well; an invalid date is NaN, which is
  // not `>= 0`.
  if (id === undefined || id.includes('\0') || !(createdAt.getTime() >= 0))
    throw new TidingsError(
      'BAD_INPUT',
      `${JSON.stringify(after.slice(0, 80))} is not a cursor of this list; use one received as \`endCursor\``,
    )
  return { createdAt, id }
}

/** Maps the nodes of a page. */
export function mapPage<A, B>(page: Page<A>, map: (node: A) => B): Page<B> {
  return { ...page, edges: page.edges.map(({ cursor, node }) => ({ cursor, node: map(node) })) }
}
