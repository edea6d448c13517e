import { setTimeout as pause } from 'node:timers/promises'
import slotOf from 'cluster-key-slot'
import type { RedisMember, TestRedisCluster, TestRedisSentinel } from './redis-cluster.ts'
import { untilPassed } from './until-passed.ts'

/** A fault of a group of Redis servers. */
export interface RedisFault<Group> {
  readonly name: string
  /**
   * Causes the fault, and resolves when the group serves again as far as it does by itself. `heal` of the group ends what is
   * left of it.
   *
   * @param cutClients - the addresses of the clients on the other side of a partition
   */
  cause(group: Group, cutClients: readonly string[]): Promise<void>
}

/** The slot of the queues, which have one hash tag. */
const slot = slotOf('{bull}')

/** Waits until another server than this one is the primary of a slot. */
const untilReplaced = (cluster: TestRedisCluster, former: RedisMember): Promise<void> =>
  untilPassed(async () => {
    if ((await cluster.primaryOf(slot)) === former) throw new Error('The primary was not replaced')
  })
/** Waits until the Sentinels name another server than this one. */
const untilSwitched = (group: TestRedisSentinel, former: RedisMember): Promise<void> =>
  untilPassed(async () => {
    if ((await group.primary()) === former) throw new Error('The primary was not replaced')
  })

async function killReplicas(members: readonly RedisMember[]): Promise<void> {
  for (const member of members) if (await isReplica(member)) await member.signal('SIGKILL')
  await pause(3_000)
}

async function isReplica(member: RedisMember): Promise<boolean> {
  const [role] = (await member.cli('ROLE')) as readonly unknown[]
  return role === 'slave'
}

/** Lets servers refuse every write that needs memory, for a time. Replicas apply what their primary has accepted. */
async function withoutMemory(members: readonly RedisMember[], ms: number): Promise<void> {
  for (const member of members) await member.cli('CONFIG', 'SET', 'maxmemory', '1')
  await pause(ms)
  for (const member of members) await member.cli('CONFIG', 'SET', 'maxmemory', '0')
}

/** The faults of a cluster. */
export const clusterFaults: readonly RedisFault<TestRedisCluster>[] = [
  {
    name: 'a primary is killed',
    async cause(cluster) {
      const primary = await cluster.primaryOf(slot)
      await primary.signal('SIGKILL')
      await untilReplaced(cluster, primary)
    },
  },
  {
    name: 'a primary hangs, and returns as a replica',
    async cause(cluster) {
      const primary = await cluster.primaryOf(slot)
      await primary.signal('SIGSTOP')
      await untilReplaced(cluster, primary)
      await pause(5_000)
      await primary.signal('SIGCONT')
    },
  },
  {
    name: 'a replica takes over as planned',
    async cause(cluster) {
      const primary = await cluster.primaryOf(slot)
      const replica = await cluster.replicaOf(primary)
      await replica.cli('CLUSTER', 'FAILOVER')
      await untilReplaced(cluster, primary)
    },
  },
  {
    name: 'a replica takes over without asking (TAKEOVER)',
    async cause(cluster) {
      const primary = await cluster.primaryOf(slot)
      const replica = await cluster.replicaOf(primary)
      await replica.cli('CLUSTER', 'FAILOVER', 'TAKEOVER')
      await untilReplaced(cluster, primary)
    },
  },
  {
    name: 'slots move to another primary',
    async cause(cluster) {
      const primary = await cluster.primaryOf(slot)
      const other = await cluster.primaryOf((slot + 8_192) % 16_384)
      await cluster.reshard(primary, other, 500)
    },
  },
  {
    name: 'all replicas are killed',
    cause: (cluster) => killReplicas(cluster.members),
  },
  {
    name: 'a partition leaves the old primary to some clients',
    async cause(cluster, cutClients) {
      const primary = await cluster.primaryOf(slot)
      primary.cut(cutClients)
      await untilReplaced(cluster, primary)
      await pause(5_000)
      await cluster.heal()
      await cluster.untilConnected()
    },
  },
  {
    name: 'the primaries are without memory',
    async cause(cluster) {
      const areReplicas = await Promise.all(cluster.members.map(isReplica))
      await withoutMemory(
        cluster.members.filter((_, index) => areReplicas[index] === false),
        6_000,
      )
    },
  },
]

/** The faults of a primary with replicas and Sentinels. */
export const sentinelFaults: readonly RedisFault<TestRedisSentinel>[] = [
  {
    name: 'the primary is killed',
    async cause(group) {
      const primary = await group.primary()
      await primary.signal('SIGKILL')
      await untilSwitched(group, primary)
    },
  },
  {
    name: 'the primary hangs, and returns as a replica',
    async cause(group) {
      const primary = await group.primary()
      await primary.signal('SIGSTOP')
      await untilSwitched(group, primary)
      await pause(5_000)
      await primary.signal('SIGCONT')
    },
  },
  {
    name: 'a replica takes over as planned',
    async cause(group) {
      const primary = await group.primary()
      await group.sentinels[0]?.cli('SENTINEL', 'FAILOVER', 'tidings')
      await untilSwitched(group, primary)
    },
  },
  {
    name: 'a Sentinel is killed with the primary',
    async cause(group) {
      const primary = await group.primary()
      await group.sentinels[0]?.signal('SIGKILL')
      await primary.signal('SIGKILL')
      await untilSwitched(group, primary)
    },
  },
  {
    name: 'both replicas are killed',
    cause: (group) => killReplicas(group.members),
  },
  {
    name: 'a partition leaves the old primary to some clients',
    async cause(group, cutClients) {
      const primary = await group.primary()
      primary.cut(cutClients)
      await untilSwitched(group, primary)
      await pause(5_000)
      await group.heal()
      await group.untilConnected()
    },
  },
  {
    name: 'the primary is without memory',
    cause: async (group) => withoutMemory([await group.primary()], 6_000),
  },
]
