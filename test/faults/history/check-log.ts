import type { Log, LoggedEvent, LoggedTask, LoggedTopic, Rule, Violation } from './history.ts'
import { isTerminal } from './payload.ts'

const taskPrefix = 'task:'
const finalStatuses: Readonly<Record<string, string>> = {
  TaskCompleted: 'COMPLETED',
  TaskFailed: 'FAILED',
  TaskCanceled: 'CANCELED',
}
/** The statuses from which an event may follow, and the status after it. */
const transitions: Readonly<Record<string, readonly [before: readonly string[], after: string]>> = {
  TaskStarted: [['QUEUED', 'RETRYING'], 'RUNNING'],
  TaskRetrying: [['RUNNING'], 'RETRYING'],
  TaskCompleted: [['RUNNING'], 'COMPLETED'],
  TaskFailed: [['RUNNING'], 'FAILED'],
  TaskCanceled: [['QUEUED', 'RUNNING', 'RETRYING'], 'CANCELED'],
}

/** Checks the log by itself: no gaps, a legal life of each task, one attempt at a time. */
export function checkLog({ topics, tasks }: Log): readonly Violation[] {
  const violations: Violation[] = []
  for (const topic of topics.values()) {
    const report = (rule: Rule, detail: string): void => {
      violations.push({ rule, subject: topic.name, detail })
    }
    if (topic.events.length !== topic.seq || topic.events.some(({ seq }, index) => seq !== index + 1))
      report('brokenLog', `its seqs are not 1 to ${topic.seq}`)
    const terminal = topic.events.findIndex(({ type }) => isTerminal(type))
    if (terminal >= 0 && terminal < topic.events.length - 1) report('notFinal', `events follow seq ${terminal + 1}`)
    if (terminal >= 0 !== topic.closed) report('brokenLog', `closed is ${topic.closed}`)
    if (!topic.name.startsWith(taskPrefix)) continue
    checkLife(topic.events, report)
    const task = tasks.get(topic.name.slice(taskPrefix.length))
    if (task !== undefined) checkTask(task, topic, report)
  }
  return violations
}

/** Checks the transitions of a task, and that no part of it was executed twice. */
function checkLife(events: readonly LoggedEvent[], report: (rule: Rule, detail: string) => void): void {
  let status = 'QUEUED'
  let attempt = 0
  const completed = new Set<unknown>()
  const lengths = new Map<unknown, number>()
  for (const { seq, type, payload } of events) {
    const [before, after] = transitions[type] ?? [[status], status]
    if (!before.includes(status)) report('brokenLog', `${type} ${seq} while ${status}`)
    status = after
    if (payload['status'] !== status) report('brokenLog', `${type} ${seq} says ${String(payload['status'])}`)
    if (type === 'TaskStarted') {
      if (payload['attempt'] !== attempt + 1)
        report('twoAttempts', `attempt ${String(payload['attempt'])} at ${seq} after attempt ${attempt}`)
      attempt = Number(payload['attempt'])
      lengths.clear()
    }
    if (type === 'TaskItemCompleted') {
      const { key } = payload['item'] as { readonly key: string }
      if (completed.has(key)) report('twoAttempts', `item ${key} completed again at ${seq}`)
      completed.add(key)
    }
    if (type === 'TaskOutput') {
      const length = lengths.get(payload['stream']) ?? 0
      if (payload['offset'] !== length) report('twoAttempts', `the text at ${seq} does not continue at ${length}`)
      lengths.set(payload['stream'], length + String(payload['text']).length)
    }
  }
}

function checkTask(task: LoggedTask, topic: LoggedTopic, report: (rule: Rule, detail: string) => void): void {
  const last = topic.events.at(-1)
  const status = finalStatuses[last?.type ?? '']
  if (status === undefined) {
    report('stuck', `${task.kind} is ${task.status}, after ${last?.type ?? 'nothing'}`)
    return
  }
  if (status !== task.status) report('notFinal', `the task is ${task.status} after ${last?.type}`)
  for (const [index, { attempt, startedAt, finishedAt }] of task.attempts.entries()) {
    const next = task.attempts[index + 1]
    if (attempt !== index + 1) report('twoAttempts', `entry ${index} is attempt ${attempt}`)
    if (next !== undefined && (finishedAt === undefined || Date.parse(finishedAt) > Date.parse(next.startedAt)))
      report(
        'twoAttempts',
        `attempt ${attempt} from ${startedAt} ends ${finishedAt ?? 'never'}, the next starts ${next.startedAt}`,
      )
  }
  if (task.kind === 'SELF_TEST') checkSelfTest(task, topic, report)
}

/** Checks that a self-test task did what its input says. */
function checkSelfTest(task: LoggedTask, topic: LoggedTopic, report: (rule: Rule, detail: string) => void): void {
  if (task.status === 'CANCELED') return
  const { items, failAfter = null, retryable } = task.input
  // Deleted by its owner.
  if (items === undefined) return
  const completed = topic.events.filter(({ type }) => type === 'TaskItemCompleted').length
  // Its handler fails only in the first attempt, which may have been lost with its worker.
  const isLostFirst = task.attempts[0]?.outcome === 'WORKER_LOST' || task.attempts[0]?.outcome === 'HANDED_OVER'
  const mustFail = failAfter !== null && retryable === false && !isLostFirst
  if (task.status !== (mustFail ? 'FAILED' : 'COMPLETED'))
    report('wrongResult', `${task.status} with ${JSON.stringify(task.input)} after ${task.attempts.length} attempts`)
  if (task.status === 'COMPLETED' && completed !== items)
    report('wrongResult', `${completed} items completed of ${String(items)}`)
}
