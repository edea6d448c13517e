/** A flood of one kind of message. */
export type Attack = {
  readonly name: string
  /** Messages per second in all. */
  readonly perSecond: number
  readonly isAuthenticated: boolean
} & (
  | { readonly over: 'ws'; readonly sockets: number; readonly message: (index: number) => string }
  | { readonly over: 'http'; readonly body: (index: number) => string }
)

const subscribe = (id: string, query: string, variables?: object): string =>
  JSON.stringify({ type: 'subscribe', id, payload: { query, variables } })

/** 4.5 kB: every pair of these fields is compared with the other ones. */
const overlap = `{ ${'__typename x:__typename '.repeat(60)} __schema { ${'types { name kind description } '.repeat(110)} } }`
const overlapRandom = (index: number): string => JSON.stringify({ query: `${overlap} # ${index}` })
const distinct = (index: number): string => `query Q${index} { viewer { ${'id roles plan expiresAt '.repeat(25)} } }`
const brackets = 500_000

/** The floods of `npm run attacks`. */
export const attacks: readonly Attack[] = [
  {
    name: 'pings, without a token, one socket',
    over: 'ws',
    sockets: 1,
    perSecond: 5_000,
    isAuthenticated: false,
    message: () => '{"type":"ping"}',
  },
  {
    name: 'pings, without a token, 100 sockets',
    over: 'ws',
    sockets: 100,
    perSecond: 10_000,
    isAuthenticated: false,
    message: () => '{"type":"ping"}',
  },
  {
    name: 'ends of operations, without a token, one socket',
    over: 'ws',
    sockets: 1,
    perSecond: 5_000,
    isAuthenticated: false,
    message: (index) => `{"type":"complete","id":"${index}"}`,
  },
  {
    name: 'operations that need a token, without one, one socket',
    over: 'ws',
    sockets: 1,
    perSecond: 3_000,
    isAuthenticated: false,
    message: (index) => subscribe(`a${index}`, 'subscription { viewerUpdates { __typename } }'),
  },
  {
    name: 'queries with a token, ten sockets',
    over: 'ws',
    sockets: 10,
    perSecond: 3_000,
    isAuthenticated: true,
    message: (index) => subscribe(`a${index}`, '{ viewer { id } }'),
  },
  {
    name: 'subscriptions beyond the limit, one socket',
    over: 'ws',
    sockets: 1,
    perSecond: 3_000,
    isAuthenticated: true,
    message: (index) => subscribe(`a${index}`, 'subscription { viewerUpdates { __typename } }'),
  },
  {
    name: 'documents with many equal fields, without a token',
    over: 'http',
    perSecond: 30,
    isAuthenticated: false,
    body: overlapRandom,
  },
  {
    name: 'documents that are all different, with a token',
    over: 'http',
    perSecond: 200,
    isAuthenticated: true,
    body: (index) => JSON.stringify({ query: distinct(index) }),
  },
  {
    name: 'nested brackets, 1 MB, with a token',
    over: 'http',
    perSecond: 10,
    isAuthenticated: true,
    body: () => `{"query":"{__typename}","variables":${'['.repeat(brackets)}${']'.repeat(brackets)}}`,
  },
  {
    name: 'nested brackets, 1 MB, without a token',
    over: 'http',
    perSecond: 10,
    isAuthenticated: false,
    body: () => `{"query":"{__typename}","variables":${'['.repeat(brackets)}${']'.repeat(brackets)}}`,
  },
]
