import { Socket, type SocketConnectOpts } from 'node:net'

/**
 * Loaded into a process of the product: its connections to 127.0.0.1 come from the address `RIG_SOURCE_ADDRESS`, so that a
 * partition can be between this process and a server that others reach.
 */
const localAddress = process.env['RIG_SOURCE_ADDRESS']
const connect = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket

/** Node calls it with an array of the options and the listener. */
const optionsOf = (first: unknown): unknown => (Array.isArray(first) ? (first as unknown[])[0] : first)

Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
  const options = optionsOf(args[0]) as SocketConnectOpts | undefined
  if (typeof options === 'object' && 'port' in options && options.host === '127.0.0.1')
    Object.assign(options, { localAddress })
  return connect.apply(this, args)
}
