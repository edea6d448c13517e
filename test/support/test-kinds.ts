import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { advance } from '../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'

/**
 * Creates a kind `STEADY` that runs forever, one step every 20 ms, until its attempt is
 * `finishFrom` (1: finishes at once).
 *
 * @param tell - called with `started <task> <attempt>` and `aborted <task> <attempt> <reason>`
 * @param attempts - 3 by default
 */
export function createSteadyKind(tell: (line: string) => void = () => undefined, attempts = 3): TaskDefinition {
  return createTaskDefinition({
    kind: 'STEADY',
    input: z.object({ finishFrom: z.number().default(1) }),
    attempts,
    concurrency: 4,
    backoff: { initialDelayMs: 1, maxDelayMs: 2 },
    async *run({ taskId, attempt, signal, input }) {
      tell(`started ${taskId} ${attempt}`)
      signal.addEventListener('abort', () => tell(`aborted ${taskId} ${attempt} ${signal.reason}`))
      for (let step = 0; attempt < input.finishFrom; step++) {
        yield advance({ message: `attempt ${attempt}, step ${step}` })
        await delay(20)
      }
      return { attempt }
    },
  }) as TaskDefinition
}
