import type { TeamYoga } from '../server/http/team-api.ts'
import type { TeamServer } from '../server/server.ts'

/**
 * The part of an instance that its plugin for a team's Yoga uses. Apart from the instance, whose types would otherwise need those of
 * Yoga.
 */
export interface YogaHost {
  /** Opens the database, and creates what a Yoga server needs. @throws TidingsError `BAD_CONFIGURATION`, `UNAVAILABLE` */
  serveYoga(yoga: TeamYoga): Promise<TeamServer>
  /** Makes `attach` add the WebSockets of a Yoga server. @throws TypeError when `attach` was called already, without a schema */
  joined(openServer: () => Promise<TeamServer>): void
}

const hosts = new WeakMap<object, YogaHost>()

/** Offers an instance to its plugin. */
export function registerYogaHost(tidings: object, host: YogaHost): void {
  hosts.set(tidings, host)
}

/** @throws TypeError for a value that `createTidings` did not return */
export function yogaHostOf(tidings: object): YogaHost {
  const host = hosts.get(tidings)
  if (host === undefined) throw new TypeError('useTidings takes the value that createTidings returned')
  return host
}
