import { clusterFaults, type RedisFault, sentinelFaults } from '../../support/redis-faults.ts'
import type { Environment } from '../rig/environment.ts'
import type { Fault } from './fault.ts'

/** Returns the faults of a group of Redis servers; a partition is between it and every second process. */
function createFaults<Group>(
  faults: readonly RedisFault<Group>[],
  groupOf: (environment: Environment) => Group,
): readonly Fault[] {
  return faults.map(({ name, cause }) => ({
    name,
    group: 'redis',
    leavesServer: true,
    run: ({ environment }) => {
      const processes = [...environment.servers, ...environment.workers]
      const cut = processes.filter((_, index) => index % 2 === 1)
      return cause(
        groupOf(environment),
        cut.map(({ address }) => address),
      )
    },
  }))
}

/** Faults of a Redis Cluster. */
export const redisClusterFaults = createFaults(clusterFaults, ({ redisGroup }) => redisGroup.cluster)

/** Faults of a primary with replicas and Sentinels. */
export const redisSentinelFaults = createFaults(sentinelFaults, ({ redisGroup }) => redisGroup.sentinel)
