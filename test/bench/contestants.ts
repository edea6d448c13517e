import type { Dialect } from './protocol.ts'

/** A server that is compared. */
export interface Contestant {
  readonly name: string
  readonly file: string
  readonly dialect: Dialect
  readonly needs: { readonly redis?: true; readonly postgres?: true }
  /** Not a server but the limit of the machine: only compared where deliveries are counted. */
  readonly isFloor?: true
}

/** Everything that is compared; all others are related to the first. */
export const contestants: readonly Contestant[] = [
  { name: 'bare ws', file: 'servers/bare.ts', dialect: 'bare', needs: {} },
  {
    name: 'Yoga + graphql-ws + RedisPubSub',
    file: 'servers/documented.ts',
    dialect: 'graphql',
    needs: { redis: true },
  },
  { name: 'Socket.IO room', file: 'servers/socketio.ts', dialect: 'socketio', needs: {} },
  { name: 'one prepared write', file: 'servers/floor.ts', dialect: 'bare', needs: {}, isFloor: true },
  { name: 'Tidings', file: 'servers/tidings.ts', dialect: 'graphql', needs: { redis: true, postgres: true } },
]
