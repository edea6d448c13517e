import type { TestPatroni } from '../../support/patroni.ts'
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
