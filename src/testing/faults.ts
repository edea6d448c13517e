import type { Bus } from '../bus/bus.ts'
import type { Host } from '../library/host.ts'
import { controlChannel } from '../tasks/start/service.ts'
import type { Faults } from './test-tidings.ts'

/** Creates the faults of an instance. */
export function createFaults(host: Pick<Host, 'connections' | 'openEngine'>): Faults {
  return {
    cutSockets() {
      const sockets = host.connections.flatMap((open) => [...open]).filter(({ transport }) => transport === 'ws')
      for (const { control } of sockets) control.terminate()
      return sockets.length
    },
    async killWorker() {
      const { database, worker, bus } = await host.openEngine()
      const { rows } = await database.pool.query<{ id: string }>(
        `with locked as materialized (
           select id as locked_id from tidings.task where status = 'RUNNING' and worker = $1 order by id for no key update
         )
         update tidings.task set worker = $1 || ' killed', lease_until = now() - interval '1 ms' from locked where id = locked_id
         returning id`,
        [worker?.id],
      )
      // The attempts end before the next ones of the same tasks begin in this process.
      for (const { id } of rows) publishReliably(bus, controlChannel, { stop: id })
      await worker?.lookForWork()
      return rows.map(({ id }) => id)
    },
    async loseBusMessages(share) {
      if (!(share >= 0 && share <= 1)) throw new RangeError(`The share of lost messages is 0 to 1, not ${share}`)
      loseMessages((await host.openEngine()).bus, share)
    },
  }
}

/** The function with which a bus publishes while it loses messages. */
const reliable = new WeakMap<Bus, Bus['publish']>()

function publishReliably(bus: Bus, ...message: Parameters<Bus['publish']>): void {
  ;(reliable.get(bus) ?? bus.publish)(...message)
}

/** Replaces the function of this one bus: no part of the engine has a way to lose messages. */
function loseMessages(bus: Bus, share: number): void {
  const publish = reliable.get(bus) ?? bus.publish
  reliable.set(bus, publish)
  let owed = 0
  const publishSome: Bus['publish'] = (...message) => {
    owed += share
    if (owed < 1) return publish(...message)
    owed -= 1
  }
  Object.assign(bus, { publish: share === 0 ? publish : publishSome })
}
