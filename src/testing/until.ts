import { withTimeout } from '../async/timeout.ts'
import type { TaskStatus } from '../db/tables.ts'
import { TidingsError } from '../errors.ts'
import type { LogEvent } from '../log/event.ts'
import type { Engine } from '../tasks/engine.ts'
import { isFinal, type Task } from '../tasks/model/task.ts'
import { type TestEvent, type TestTask, toTestEvent, toTestTask } from './test-task.ts'

/** A state that a test waits for: a status that the task reaches, or a condition. */
export type Awaited = TaskStatus | ((task: TestTask, events: readonly TestEvent[]) => boolean)

/** Waits for states of tasks. */
export interface Waiting {
  /** Returns the task once it has reached a state. @throws TidingsError `CONFLICT`, `NOT_FOUND` */
  until(id: string, awaited: Awaited): Promise<Task>
  /** Ignores a state from now on: time has passed, and the task leaves it. */
  leave(id: string, seq: number): void
}

/** The number of events in the message of a state that is not reached. */
const lastEvents = 5

/** Creates the waiting of a test. @param waitMs - longest wait in milliseconds */
export function createWaiting({
  openEngine,
  waitMs,
}: {
  readonly openEngine: () => Promise<Engine>
  readonly waitMs: number
}): Waiting {
  /** Per task, the seq before the first state that counts: of the state found last, it is still the present one. */
  const left = new Map<string, number>()

  const until: Waiting['until'] = async (id, awaited) => {
    const engine = await openEngine()
    const read = async (): Promise<Task> => {
      const task = await engine.store.get(id)
      if (task === null) throw new TidingsError('NOT_FOUND', `There is no task "${id}"`)
      return task
    }
    const events: TestEvent[] = []
    let isFound = false
    const updates = engine.follow({ taskId: id, fromStart: true })
    const find = async (): Promise<void> => {
      for await (const update of updates) {
        if (update.is === 'event') events.push(toTestEvent(update.event))
        const { seq, status } =
          update.is === 'event' ? stateOf(update.event) : { ...update, status: update.state.task.status }
        // Nothing leaves a final state.
        if (seq <= (left.get(id) ?? 0) && !isFinal(status)) continue
        isFound = typeof awaited === 'string' ? status === awaited : awaited(toTestTask(await read()), events)
        if (!isFound) continue
        left.set(id, seq - 1)
        return
      }
    }
    try {
      const isEnded = await withTimeout(waitMs, find())
      const task = await read()
      if (isFound) return task
      throw notReached(task, awaited, events, isEnded ? 'any more' : `within ${waitMs} ms (waitMs)`)
    } finally {
      await updates[Symbol.asyncDispose]()
    }
  }
  return { until, leave: (id, seq) => void left.set(id, seq) }
}

function stateOf({ seq, payload }: LogEvent): { readonly seq: number; readonly status: TaskStatus } {
  return { seq, status: payload['status'] as TaskStatus }
}

function notReached(task: Task, awaited: Awaited, events: readonly TestEvent[], limit: string): TidingsError {
  const { id, kind, status, error } = task
  const reason = error === null ? '' : ` (${error.code}: ${error.message})`
  const wanted = typeof awaited === 'string' ? `did not become ${awaited}` : 'did not meet the condition'
  const last = events.slice(-lastEvents).map(({ seq, type, payload }) => `  ${seq} ${type} ${JSON.stringify(payload)}`)
  const wait =
    task.nextAttemptAt === null
      ? ''
      : `\nThe next attempt is due at ${task.nextAttemptAt.toISOString()}: advance() lets this time pass.`
  return new TidingsError(
    'CONFLICT',
    `Task "${id}" of the kind ${kind} is ${status}${reason} and ${wanted} ${limit}. Its last events:\n${last.join('\n')}${wait}`,
    { taskId: id, status },
  )
}
