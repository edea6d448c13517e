import type { Connections } from '../server/connections/connections.ts'
import type { TeamYoga } from '../server/http/team-api.ts'
import type { TeamServer } from '../server/server.ts'
import type { Engine } from '../tasks/engine.ts'

/**
 * The parts of an instance that its plugin for a team's Yoga and the test kit use. Apart from the instance, whose types would
 * otherwise need those of Yoga and of the engine.
 */
export interface Host {
  /** Opens the database, and creates what a Yoga server needs. @throws TidingsError `BAD_CONFIGURATION`, `UNAVAILABLE` */
  serveYoga(yoga: TeamYoga): Promise<TeamServer>
  /** Makes `attach` add the WebSockets of a Yoga server. @throws TypeError when `attach` was called already, without a schema */
  joined(openServer: () => Promise<TeamServer>): void
  /** Opens the engine. @throws TidingsError `BAD_CONFIGURATION`, `UNAVAILABLE` */
  openEngine(): Promise<Engine>
  /** Deletes what is older than its retention period now, in a process that runs tasks. */
  prune(): Promise<void>
  /** The open connections of each server of the instance. */
  readonly connections: readonly Connections[]
}

const hosts = new WeakMap<object, Host>()

/** Offers the parts of an instance. */
export function registerHost(tidings: object, host: Host): void {
  hosts.set(tidings, host)
}

/** @param user - the function that needs the parts. @throws TypeError for a value that `createTidings` did not return */
export function hostOf(tidings: object, user: string): Host {
  const host = hosts.get(tidings)
  if (host === undefined) throw new TypeError(`${user} takes the value that createTidings returned`)
  return host
}
