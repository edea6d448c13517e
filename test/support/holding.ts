import { z } from 'zod'
import { advance } from '../../src/tasks/model/report.ts'
import type { Task } from '../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import type { EngineFixture } from './engine.ts'

/**
 * Creates a kind `HOLD` with tasks that run until they are released, with the current and the
 * highest number of running tasks by owner.
 */
export function createHolding(options: { concurrency: number; perUser?: number | null }) {
  const running = new Map<string, number>()
  const most = new Map<string, number>()
  const started: string[] = []
  const gates = new Map<string, Set<() => void>>()
  const definition = createTaskDefinition({
    kind: 'HOLD',
    input: z.object({ name: z.string().default('?'), stay: z.boolean().default(true) }),
    ...options,
    async *run({ owner, input, signal }) {
      running.set(owner, (running.get(owner) ?? 0) + 1)
      most.set(owner, Math.max(most.get(owner) ?? 0, running.get(owner) ?? 0))
      const gate = Promise.withResolvers<void>()
      gates.set(input.name, (gates.get(input.name) ?? new Set()).add(gate.resolve))
      started.push(input.name)
      try {
        yield advance({ percent: 1 })
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        if (input.stay) await Promise.race([gate.promise, aborted])
        return {}
      } finally {
        running.set(owner, (running.get(owner) ?? 0) - 1)
      }
    },
  }) as unknown as TaskDefinition
  /** Lets the running tasks of a name, or of all, end. */
  const release = (name?: string): void => {
    for (const one of name === undefined ? [...gates.keys()] : [name]) {
      for (const open of gates.get(one) ?? []) open()
      gates.delete(one)
    }
  }
  return { definition, running, most, started, release }
}

/** Makes a waiting task one that a dead worker runs, after `times - 1` earlier losses, without a wake-up. */
export async function loseWorker(
  { database }: EngineFixture,
  { id }: Task,
  { times = 1, leaseMs = 0 }: { readonly times?: number; readonly leaseMs?: number } = {},
): Promise<void> {
  const now = new Date().toISOString()
  const attempts = Array.from({ length: times }, (_, index) => ({
    attempt: index + 1,
    startedAt: now,
    ...(index < times - 1 ? { finishedAt: now, outcome: 'WORKER_LOST' } : {}),
  }))
  await database.pool.query(
    `update tidings.task set status = 'RUNNING', attempt = $2, attempts = $3, started_at = now(), worker = 'w_dead',
       lease_until = now() + $4 * interval '1 ms' where id = $1`,
    [id, times, JSON.stringify(attempts), leaseMs],
  )
  await database.pool.query('delete from bullmq.job')
}
