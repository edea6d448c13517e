import type { History, Mutated, Violation } from './history.ts'

/** Mutations whose acknowledgement names the task that they started. */
const starts = new Set(['start', 'import', 'message'])

/**
 * Checks the mutations: acknowledged ones took effect, each key took effect at most once, and no
 * caller received an error for a failure of the infrastructure that it could not repeat.
 */
export function checkMutations(
  mutations: readonly Mutated[],
  { log, deleted, restored }: Omit<History, 'entries'>,
): readonly Violation[] {
  const violations: Violation[] = []
  const acknowledged = new Set<string>()
  const startedBefore = new Set<string>()
  for (const [key, entries] of Map.groupBy(mutations, (entry) => `${entry.name} ${entry.key}`)) {
    const answers = entries.filter(({ outcome }) => outcome === 'acknowledged')
    // The response to a repeated message names no task.
    const ids = new Set(answers.flatMap(({ id }) => (id === undefined ? [] : [id])))
    for (const id of ids) acknowledged.add(id)
    // A restored backup does not have what was acknowledged before: repeated, it takes effect again.
    if (entries.some(({ at }) => at < (restored?.at ?? 0))) {
      startedBefore.add(entries[0]?.key ?? '')
      continue
    }
    if (ids.size > 1) violations.push({ rule: 'notIdempotent', subject: key, detail: [...ids].join(', ') })
    for (const { name, outcome, id, error } of entries) {
      // The key of a deleted task is answered with NOT_FOUND.
      const isDeleted = error?.includes('NOT_FOUND') === true && [...ids].some((known) => deleted?.has(`task:${known}`))
      const isMissing = restored !== undefined && /NOT_FOUND|NotFoundError/.test(error ?? '')
      if (outcome === 'refused' && !isDeleted && !isMissing)
        violations.push({ rule: 'errorVisible', subject: key, detail: error ?? 'no message' })
      if (outcome !== 'acknowledged') continue
      const lost = (detail: string): void => void violations.push({ rule: 'mutationLost', subject: key, detail })
      const target = entries[0]?.key ?? ''
      if (name === 'close' && log.topics.get(`session:${target}`)?.closed !== true) lost(`session ${target} is open`)
      if (name === 'remove' && log.topics.get(target)?.closed !== true) lost(`${target} is still there`)
      // The row of a deleted task remains for a while, without its owner.
      const task = log.tasks.get(target)
      if (name === 'delete' && task?.isStored === true && task.owner !== '') lost(`${target} is not deleted`)
      if (id === undefined) continue
      if (name === 'session' && !log.topics.has(`session:${id}`)) lost(`session ${id} is not in the database`)
      if (starts.has(name) && !log.topics.has(`task:${id}`)) lost(`${id} is not in the database`)
      const status = log.tasks.get(id)?.status
      if (name === 'cancel' && status !== undefined && status !== 'CANCELED') lost(`${id} is ${status}`)
    }
  }
  // Self-tests are started by keys only: each key that was never answered may have started one task.
  const unanswered = [...Map.groupBy(mutations, ({ name, key }) => `${name} ${key}`).values()].filter(
    ([first, ...others]) =>
      first?.name === 'start' && [first, ...others].every(({ outcome }) => outcome !== 'acknowledged'),
  ).length
  const extra = [...log.tasks.values()].filter(
    ({ id, kind, key }) =>
      // A request that its caller had given up and repeated may take effect after the log lost the task of the repetition.
      kind === 'SELF_TEST' && !acknowledged.has(id) && !startedBefore.has(key ?? ''),
  )
  if (extra.length > unanswered)
    violations.push({
      rule: 'notIdempotent',
      subject: 'start',
      detail: `${extra.map(({ id, key }) => `${id} (${key ?? 'no key'})`).join(', ')}: no response named them, and only ${unanswered} mutations had no response`,
    })
  return violations
}
