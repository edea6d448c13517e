import type { SubscriptionRecord } from './check.ts'
import {
  type Delivered,
  type Ended,
  epochOf,
  type History,
  type LoggedTopic,
  type Rule,
  type Violation,
} from './history.ts'
import { describeStateAt, isAppend, isEphemeral, isLatest, isTerminal, readLogged } from './payload.ts'

/** All cursors seen so far, over all subscriptions of a history. */
export interface Cursors {
  /** Topic and seq by cursor. */
  readonly seqOf: Map<string, string>
  /** Cursor by topic and seq. */
  readonly cursorOf: Map<string, string>
}

/** The result for one subscription. */
export interface CheckedSubscription {
  readonly violations: readonly Violation[]
  readonly deliveries: number
  readonly reported: number
}

/**
 * Snapshots with reason RESET in one epoch after a failover. A subscriber that found the new epoch itself and joins its
 * group before the feed was reset receives another one with it.
 */
const maxResets = 2

/**
 * Checks the entries of one subscription against its topic: every event after its start once, in
 * order and unaltered, until the terminal event.
 */
export function checkSubscription(
  { subscribed, entries }: SubscriptionRecord,
  { log, restored, failedOver, deleted }: Omit<History, 'entries'>,
  cursors: Cursors,
): CheckedSubscription {
  const { sub, client, from, hasCursor } = subscribed
  const current = log.topics.get(subscribed.topic)
  const former = restored?.topics.get(subscribed.topic)
  const first = former ?? current
  const violations: Violation[] = []
  const checkError = ({ how, error }: Ended): void => {
    const isGone = deleted?.has(subscribed.topic) === true || (former !== undefined && current === undefined)
    const isMissing = isGone && error?.includes('NOT_FOUND') === true
    if (how === 'error' && !isMissing) report('errorVisible', error ?? 'without a message')
  }
  const report = (rule: Rule, detail: string): void => {
    violations.push({ rule, subject: `${sub} (${client}, ${subscribed.topic})`, detail })
  }
  if (first === undefined) {
    if (entries.some(({ is }) => is === 'delivered')) report('brokenLog', 'its topic is not in the log')
    for (const entry of entries) if (entry.is === 'ended') checkError(entry)
    return { violations, deliveries: 0, reported: 0 }
  }

  /** The topic as in the epoch of the last entry. */
  let topic = first
  /** The position up to which everything is delivered; undefined before the first event. */
  let last: number | undefined = from === 'start' ? 0 : undefined
  const missing = new Set<number>()
  const seen = new Set<number>()
  let hasEnded = false
  let hasTerminal = false
  let isSnapshotDue = from === 'now'
  let deliveries = 0
  let reported = 0

  /** In the epoch of the last delivery. */
  let resets = 0
  /** Of a log that lost events, the former epoch is known. */
  const isNewEpoch = (entry: Delivered): boolean => restored === undefined || epochOf(entry) !== restored.epoch
  const onSnapshot = (entry: Delivered): void => {
    const { seq, type, snapshot } = entry
    const reason = snapshot?.reason ?? ''
    const isAllowed =
      (reason === 'SUBSCRIBED' && isSnapshotDue) ||
      reason === 'LAGGED' ||
      (reason === 'PRUNED' && topic.prunedSeq > (last ?? 0)) ||
      (reason === 'RESET' && (failedOver === true ? isNewEpoch(entry) && resets < maxResets : restored !== undefined))
    if (!isAllowed) report('unexpectedSnapshot', `${reason} at ${seq}, after ${last ?? 'nothing'}`)
    if (reason === 'RESET') resets++
    if (reason !== 'SUBSCRIBED') reported++
    if (last !== undefined && seq < last) report('reordered', `a snapshot at ${seq} after ${last}`)
    if (seq > topic.seq) report('wrongSnapshot', `it is at ${seq}, and the log ends at ${topic.seq}`)
    else if (type === 'TaskSnapshot' && deleted?.has(topic.name) !== true) {
      const expected = describeStateAt(topic.events, seq)
      if (snapshot?.state !== expected)
        report('wrongSnapshot', `at ${seq}: ${snapshot?.state ?? ''} instead of ${expected}`)
    }
    last = seq
    isSnapshotDue = false
    // A snapshot at the end of a closed topic contains the terminal event.
    if (snapshot?.isFinal === true || (topic.closed && seq === topic.seq)) hasTerminal = true
  }

  const onEvent = (event: Delivered): void => {
    const { seq, type, follows } = event
    deliveries++
    if (isSnapshotDue) {
      report('missingSnapshot', `${type} ${seq} came first`)
      isSnapshotDue = false
    }
    if (seen.has(seq)) {
      report('repeated', `${type} ${seq}`)
      return
    }
    seen.add(seq)
    if (last !== undefined && seq <= last) {
      missing.delete(seq)
      report('reordered', `${type} ${seq} after ${last}`)
      return
    }
    const replaced: number[] = []
    for (let skipped = (last ?? seq - 1) + 1; skipped < seq; skipped++) {
      if (follows !== undefined && follows <= (last ?? 0)) replaced.push(skipped)
      else missing.add(skipped)
    }
    compare(event, topic, replaced, report)
    if (isTerminal(type)) hasTerminal = true
    last = seq
  }

  /** Continues with the topic as the restored backup has it: everything before is replaced by a snapshot. */
  const enterRestored = ({ snapshot }: Delivered): void => {
    if (missing.size > 0) report('lost', [...missing].join(', '))
    if (seen.size > 0 && snapshot === undefined) report('missingSnapshot', 'after a backup was restored')
    if (current === undefined) report('brokenLog', 'its topic is not in the restored log')
    else topic = current
    seen.clear()
    missing.clear()
    hasTerminal = false
    last = from === 'start' && snapshot === undefined ? 0 : undefined
  }

  /** The epoch of the last delivery. */
  let epoch: string | undefined
  for (const entry of entries) {
    if (entry.is === 'delivered' && topic === former && epochOf(entry) !== restored?.epoch) enterRestored(entry)
    if (entry.is === 'delivered' && epochOf(entry) !== epoch) {
      // A client without a cursor that has connected again receives the snapshot of a new subscriber.
      const isReset = entry.snapshot?.reason === 'RESET' || (isSnapshotDue && entry.snapshot !== undefined)
      if (failedOver === true && epoch !== undefined && !isReset)
        report('missingSnapshot', `${entry.type} ${entry.seq} is of another epoch than what was before`)
      epoch = epochOf(entry)
      resets = 0
    }
    if (entry.is === 'connected') {
      if (!hasCursor) isSnapshotDue = true
    } else if (entry.is === 'ended') {
      hasEnded = true
      if (entry.how === 'complete' && !hasTerminal) report('completedEarly', `after ${last ?? 'nothing'}`)
      checkError(entry)
    } else {
      if (hasTerminal && !isEphemeral(entry.type) && entry.snapshot === undefined)
        report(seen.has(entry.seq) ? 'repeated' : 'notFinal', `${entry.type} ${entry.seq}`)
      else if (entry.snapshot !== undefined) onSnapshot(entry)
      else if (!isEphemeral(entry.type)) onEvent(entry)
      else if (entry.seq !== last) report('reordered', `${entry.type} at ${entry.seq}, after ${last ?? 'nothing'}`)
      checkCursor(entry, subscribed.topic, cursors, report)
    }
  }
  const isStopped = entries.some((entry) => entry.is === 'ended' && entry.how !== 'complete')
  if (current?.closed !== false && !hasEnded)
    report('neverEnded', `after ${last ?? 'nothing'}; the log ends at ${topic.seq}`)
  // Without a snapshot or event, a subscriber has not begun: everything is missing.
  if (!isStopped) for (let tail = (last ?? 0) + 1; tail <= topic.seq; tail++) missing.add(tail)
  if (missing.size > 0) report('lost', [...missing].join(', '))
  return { violations, deliveries, reported }
}

/**
 * Compares a delivered event with the log.
 *
 * @param replaced - the events that it claims to replace for a slow subscriber
 */
function compare(
  event: Delivered,
  topic: LoggedTopic,
  replaced: readonly number[],
  report: (rule: Rule, detail: string) => void,
): void {
  const { seq, type } = event
  const logged = topic.events[seq - 1]
  if (logged === undefined) {
    report('altered', `${type} ${seq} is not in the log`)
    return
  }
  const expected = readLogged(logged)
  if (logged.type !== type || expected.digest !== event.digest)
    report('altered', `${type} ${seq}; the log has ${logged.type}`)
  let piece = expected.piece
  for (const skipped of [...replaced].reverse()) {
    const other = topic.events[skipped - 1]
    const part = other === undefined ? undefined : readLogged(other).piece
    if (other !== undefined && isLatest(other.type)) continue
    if (other === undefined || !isAppend(other.type) || other.type !== type || part === undefined)
      report('lost', `${skipped}, which ${type} ${seq} cannot replace`)
    else piece = { offset: part.offset, text: `${part.text}${piece?.text ?? ''}` }
  }
  if (piece?.text !== event.piece?.text || piece?.offset !== event.piece?.offset)
    report('altered', `the text of ${type} ${seq}`)
}

function checkCursor(
  { cursor, seq }: Delivered,
  topic: string,
  { seqOf, cursorOf }: Cursors,
  report: (rule: Rule, detail: string) => void,
): void {
  const position = `${topic} ${seq}`
  // Another epoch has other cursors, so a restored backup allows two for one position.
  const knownPosition = seqOf.get(cursor)
  if (knownPosition !== undefined && knownPosition !== position)
    report('wrongCursor', `"${cursor}" is at ${position} and at ${knownPosition}`)
  seqOf.set(cursor, position)
  const epoch = epochOf({ cursor })
  const knownCursor = cursorOf.get(`${epoch} ${position}`)
  if (knownCursor !== undefined && knownCursor !== cursor)
    report('wrongCursor', `${position} has "${cursor}" and "${knownCursor}"`)
  cursorOf.set(`${epoch} ${position}`, cursor)
}
