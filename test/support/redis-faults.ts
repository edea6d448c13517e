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

/** The faults of a primary, in a group that replaces it. */
function createPrimaryFaults<Group extends TestRedisCluster | TestRedisSentinel>(
  primaryOf: (group: Group) => Promise<RedisMember>,
) {
  /** Causes something to the primary, and waits until the group has another one. */
  const untilReplaced = async (group: Group, cause: (primary: RedisMember) => unknown): Promise<RedisMember> => {
    const primary = await primaryOf(group)
    await cause(primary)
    await untilPassed(async () => {
      if ((await primaryOf(group)) === primary) throw new Error('The primary was not replaced')
    })
    return primary
  }
  return {
    async replace(group: Group, cause: (primary: RedisMember) => unknown) {
      await untilReplaced(group, cause)
    },
    async kill(group: Group) {
      await untilReplaced(group, (primary) => primary.signal('SIGKILL'))
    },
    async hang(group: Group) {
      const former = await untilReplaced(group, (primary) => primary.signal('SIGSTOP'))
      await pause(5_000)
      await former.signal('SIGCONT')
    },
    async partition(group: Group, cutClients: readonly string[]) {
      await untilReplaced(group, (primary) => primary.cut(cutClients))
      await pause(5_000)
      await group.heal()
      await group.untilConnected()
    },
  }
}

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

const ofCluster = createPrimaryFaults<TestRedisCluster>((cluster) => cluster.primaryOf(slot))
const failOver = (cluster: TestRedisCluster, ...how: readonly string[]): Promise<void> =>
  ofCluster.replace(cluster, async (primary) => (await cluster.replicaOf(primary)).cli('CLUSTER', 'FAILOVER', ...how))

/** The faults of a cluster. */
export const clusterFaults: readonly RedisFault<TestRedisCluster>[] = [
  { name: 'a primary is killed', cause: ofCluster.kill },
  { name: 'a primary hangs, and returns as a replica', cause: ofCluster.hang },
  { name: 'a replica takes over as planned', cause: (cluster) => failOver(cluster) },
  {
    name: 'a replica takes over without asking (TAKEOVER)',
    cause: (cluster) => failOver(cluster, 'TAKEOVER'),
  },
  {
    name: 'slots move to another primary',
    async cause(cluster) {
      const primary = await cluster.primaryOf(slot)
      const other = await cluster.primaryOf((slot + 8_192) % 16_384)
      await cluster.reshard(primary, other, 500)
    },
  },
  { name: 'all replicas are killed', cause: (cluster) => killReplicas(cluster.members) },
  { name: 'a partition leaves the old primary to some clients', cause: ofCluster.partition },
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

const ofSentinels = createPrimaryFaults<TestRedisSentinel>((group) => group.primary())

/** The faults of a primary with replicas and Sentinels. */
export const sentinelFaults: readonly RedisFault<TestRedisSentinel>[] = [
  { name: 'the primary is killed', cause: ofSentinels.kill },
  { name: 'the primary hangs, and returns as a replica', cause: ofSentinels.hang },
  {
    name: 'a replica takes over as planned',
    cause: (group) => ofSentinels.replace(group, () => group.sentinels[0]?.cli('SENTINEL', 'FAILOVER', 'tidings')),
  },
  {
    name: 'a Sentinel is killed with the primary',
    cause: (group) =>
      ofSentinels.replace(group, async (primary) => {
        await group.sentinels[0]?.signal('SIGKILL')
        await primary.signal('SIGKILL')
      }),
  },
  { name: 'both replicas are killed', cause: (group) => killReplicas(group.members) },
  { name: 'a partition leaves the old primary to some clients', cause: ofSentinels.partition },
  {
    name: 'the primary is without memory',
    cause: async (group) => withoutMemory([await group.primary()], 6_000),
  },
]
