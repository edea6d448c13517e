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
