import { createRandom } from '../rig/random.ts'
import type { RedisLayout } from '../rig/redis.ts'
import { pause } from '../subscribers/subscriber.ts'
import type { Fault } from './fault.ts'
import { networkFaults } from './network.ts'
import { postgresFaults } from './postgres.ts'
import { processFaults } from './processes.ts'
import { redisFaults } from './redis.ts'
import { redisClusterFaults, redisSentinelFaults } from './redis-groups.ts'

/** All kinds of faults with a layout of Redis, in the order of the report. */
export const faultsOf: Readonly<Record<RedisLayout, readonly Fault[]>> = {
  server: [...processFaults, ...redisFaults, ...postgresFaults, ...networkFaults],
  cluster: [...processFaults, ...redisClusterFaults, ...postgresFaults, ...networkFaults],
  sentinel: [...processFaults, ...redisSentinelFaults, ...postgresFaults, ...networkFaults],
}

/** All kinds of faults with one Redis. */
export const faults = faultsOf.server

/** The name under which the report sums the combinations. */
export const combinedName = 'two or three at once, chosen by the seed'

/** Combines faults: each begins within 3 s. Faults of one group exclude each other: they undo each other's end. */
export function combine(chosen: readonly Fault[]): Fault {
  return {
    name: combinedName,
    group: 'several',
    parts: chosen.map(({ name }) => name),
    run: async (context) => {
      const runs = chosen.map(async (fault) => {
        // Its numbers must not depend on the timing of the others.
        const random = context.random.fork(fault.name)
        await pause(random.integer(0, 3_000))
        await fault.run({ ...context, random })
      })
      // All of them end before the environment heals, even if one could not be caused.
      const failed = (await Promise.allSettled(runs)).find(({ status }) => status === 'rejected')
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
    },
  }
}

/** Causes the most telling faults in one run, one after the other, with a load that goes on. */
export function createShortForm(redis: RedisLayout): Fault {
  const chosen = faultsOf[redis].filter(({ isTelling }) => isTelling === true)
  return {
    name: 'the most telling, one after the other',
    group: 'several',
    parts: chosen.map(({ name }) => name),
    run: async (context) => {
      for (const fault of chosen) {
        await fault.run(context)
        await pause(1_000)
      }
    },
  }
}

/** Combines two or three faults of different groups, chosen by a seed. */
export function combineBySeed(seed: number, redis: RedisLayout = 'server'): Fault {
  const random = createRandom(seed)
  const chosen: Fault[] = []
  const wanted = random.integer(2, 3)
  while (chosen.length < wanted) {
    const fault = random.pick(faultsOf[redis])
    const isExcluded = fault.group === 'none' || fault.group === 'several'
    if (!isExcluded && !chosen.some(({ group }) => group === fault.group)) chosen.push(fault)
  }
  return combine(chosen)
}
