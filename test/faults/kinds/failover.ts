import type { TestPatroni } from '../../support/patroni.ts'
import { findFreePort } from '../../support/port.ts'
import { readTopics } from '../history/read-log.ts'
import { connect } from '../rig/postgres.ts'
import { pause } from '../subscribers/subscriber.ts'
import type { Fault } from './fault.ts'

/** How long the former primary stays as it is, beside the new one. */
const aloneMs = 20_000

const failover = (name: string, cause: (patroni: TestPatroni) => Promise<void>): Fault => ({
  name,
  group: 'postgres',
  async run({ environment, beginRecovery }) {
    const { patroni } = environment.postgres
    if (patroni === undefined) throw new Error('It needs --database patroni or patroni-haproxy')
    await cause(patroni)
    await patroni.leader()
    beginRecovery()
    await pause(aloneMs)
    await patroni.heal()
  },
})

/** Faults of a pair under Patroni, each of which ends with a primary on a new timeline. */
export const failoverFaults: readonly Fault[] = [
  failover('failover: planned switchover', (patroni) => patroni.switchOver()),
  failover('failover: primary SIGKILL', (patroni) => patroni.signalLeader('SIGKILL')),
  failover('failover: primary SIGSTOP', (patroni) => patroni.signalLeader('SIGSTOP')),
  failover('failover: packets of the primary dropped', (patroni) => patroni.isolateLeader()),
  failover('failover: etcd SIGSTOP 30 s', async (patroni) => {
    patroni.signalEtcd('SIGSTOP')
    await pause(30_000)
    patroni.signalEtcd('SIGCONT')
  }),
]

/** Faults of a pair with asynchronous replication. */
export const losingFaults: readonly Fault[] = [
  {
    name: 'failover: primary SIGKILL, standby 1 to 10 s behind',
    group: 'postgres',
    async run({ environment, random, beginRecovery, defer }) {
      const { pair } = environment.postgres
      if (pair === undefined) throw new Error('It needs --database pair')
      await pair.replicated()
      const behindMs = random.integer(1_000, 10_000)
      pair.cutReplication()
      await pause(behindMs)
      await pair.failOver()
      const at = performance.now()
      beginRecovery()
      // The product does not find it at this port; all that was committed is read from it.
      const port = await findFreePort()
      await pair.restartFormer(port)
      const former = connect(`postgres://postgres@127.0.0.1:${port}/postgres`)
      defer(async () => {
        await former[Symbol.asyncDispose]()
        await pair.replaceFormer()
      })
      const [meta] = await former.query<{ value: string }>(`select value from tidings.meta where key = 'epoch'`)
      environment.restoration = {
        at,
        epoch: meta?.value ?? '',
        behindMs,
        readTopics: (names) => readTopics(former.query, names, ['tidings', 'rig']),
      }
    },
  },
]
