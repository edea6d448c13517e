import { pause } from '../subscribers/subscriber.ts'
import type { Fault } from './fault.ts'
import { networkFaults } from './network.ts'
import { postgresFaults } from './postgres.ts'
import { processFaults } from './processes.ts'
import { redisFaults } from './redis.ts'

/** All kinds of faults, in the order of the report. */
export const faults: readonly Fault[] = [...processFaults, ...redisFaults, ...postgresFaults, ...networkFaults]

/** The name under which the report sums the combinations. */
export const combinedName = 'two or three at once, chosen by the seed'

/** Combines faults: each begins within 3 s. Faults of one group exclude each other: they undo each other's end. */
export function combine(chosen: readonly Fault[]): Fault {
  return {
    name: combinedName,
    group: 'several',
    run: async (context) => {
      await Promise.all(
        chosen.map(async (fault) => {
          await pause(context.random.integer(0, 3_000))
          await fault.run(context)
        }),
      )
    },
  }
}
