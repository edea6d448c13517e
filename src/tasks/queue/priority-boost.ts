import type { TaskDefinition } from '../model/task-definition.ts'

/**
 * Returns the priority boost of a plan: the time by which its tasks are moved forward in the queue.
 * The priority causes no starvation: a task that has waited for longer than the boost is not
 * overtaken by new tasks.
 *
 * @param seconds - by plan; `*` applies to every plan that is not listed
 * @param plan - from the token; null, as for free users, gets no boost
 */
export function priorityBoostMs(seconds: Readonly<Record<string, number>>, plan: string | null): number {
  if (plan === null) return 0
  // Plan names in tokens are arbitrary and may equal a property of Object.prototype.
  const own = Object.hasOwn(seconds, plan) ? seconds[plan] : seconds['*']
  return (own ?? 0) * 1_000
}

const maxPrioritySeconds = 1_000_000_000

/** @throws TypeError when the priority of a kind is not a number of seconds by which a time can be moved */
export function checkPriority(kind: string, seconds: number): void {
  if (!(Math.abs(seconds) <= maxPrioritySeconds))
    throw new TypeError(
      `The priority of ${kind} is ${seconds}; it is a number of seconds, at most ${maxPrioritySeconds} either way`,
    )
}

/**
 * Returns the priority of a task in milliseconds, by which it is moved forward in the queue beside the boost of its owner's plan.
 *
 * @param input - as the kind reads it
 * @throws TypeError when the kind returns no number; any error of the kind
 */
export function priorityMs({ kind, priority = 0 }: Pick<TaskDefinition, 'kind' | 'priority'>, input: unknown): number {
  if (typeof priority === 'number') return priority * 1_000
  const seconds = priority(input)
  checkPriority(kind, seconds)
  return seconds * 1_000
}
