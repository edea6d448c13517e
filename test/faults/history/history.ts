/**
 * The history of one run: everything that clients observed, and the log as it is at the end. Both
 * sides are plain data, so that the checker depends on neither the engine nor the rig.
 */

/** The kinds of subscribers. */
export type SubscriberKind =
  | 'websocket'
  | 'sse'
  | 'polling'
  | 'raw-websocket'
  | 'raw-websocket-without-cursor'
  | 'event-source'
  | 'raw-polling'
  | 'apollo'
  | 'nginx-websocket'
  | 'nginx-sse'

/** A subscription began. */
export interface Subscribed {
  readonly is: 'subscribed'
  readonly sub: string
  readonly at: number
  readonly client: SubscriberKind
  /** The topic by its name in the log. */
  readonly topic: string
  /** Whether it requested the whole history, or a snapshot first. */
  readonly from: 'start' | 'now'
  /** Whether its client resumes from a cursor after a reconnection. */
  readonly hasCursor: boolean
}

/** A client sent its subscription on a new connection. */
export interface Connected {
  readonly is: 'connected'
  readonly sub: string
  readonly at: number
}

/** A part of a streamed text. */
export interface Piece {
  readonly offset: number
  readonly text: string
}

/** A client delivered an event to its application. */
export interface Delivered {
  readonly is: 'delivered'
  readonly sub: string
  readonly at: number
  readonly seq: number
  readonly type: string
  readonly cursor: string
  /** The compared fields, see `payload.ts`. Empty for a snapshot. */
  readonly digest: string
  /** The text of an *append* event, which may have been joined with others. */
  readonly piece?: Piece
  /** The seq that a merged event directly follows. */
  readonly follows?: number
  /** Of a snapshot. */
  readonly snapshot?: { readonly reason: string; readonly state: string; readonly isFinal: boolean }
}

/** Returns the epoch of the log in which something was delivered, with which its cursor begins. */
export function epochOf({ cursor }: Pick<Delivered, 'cursor'>): string {
  return cursor.split('-')[0] ?? ''
}

/** A subscription ended: it completed, failed visibly, or was ended by its subscriber. */
export interface Ended {
  readonly is: 'ended'
  readonly sub: string
  readonly at: number
  readonly how: 'complete' | 'error' | 'stopped'
  readonly error?: string
}

/** A mutation was sent, and later perhaps answered. */
export interface Mutated {
  readonly is: 'mutated'
  readonly at: number
  readonly name: string
  /** Its idempotency key; the same in all entries of one mutation that was sent repeatedly. */
  readonly key: string
  /** `unknown`: the client has received no response. */
  readonly outcome: 'acknowledged' | 'refused' | 'unknown'
  /** The affected object: a task, a message. */
  readonly id?: string
  readonly error?: string
}

/** One entry of a history. */
export type Entry = Subscribed | Connected | Delivered | Ended | Mutated

/** One event as the table `event` contains it. */
export interface LoggedEvent {
  readonly topic: string
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** One topic as the tables `topic` and `event` contain it. */
export interface LoggedTopic {
  readonly name: string
  readonly seq: number
  readonly closed: boolean
  readonly prunedSeq: number
  /** All events that were ever appended, including those that were pruned later. */
  readonly events: readonly LoggedEvent[]
}

/** One task as the table `task` contains it. */
export interface LoggedTask {
  readonly id: string
  readonly kind: string
  readonly status: string
  readonly owner: string
  /** Whether its row is still there. */
  readonly isStored: boolean
  /** Its idempotency key; null after it was deleted. */
  readonly key?: string | null
  readonly input: Readonly<Record<string, unknown>>
  readonly attempts: readonly {
    readonly attempt: number
    readonly startedAt: string
    readonly finishedAt?: string
    readonly outcome?: string
  }[]
}

/** The log at the end of a run, read with plain SQL. */
export interface Log {
  readonly topics: ReadonlyMap<string, LoggedTopic>
  readonly tasks: ReadonlyMap<string, LoggedTask>
}

/** A log that was replaced by an older one during a run: by a restored backup, or by a failover that lost events. */
export interface Restoration {
  /** The time, as in the entries. */
  readonly at: number
  /** The epoch of the log until then, with which its cursors begin. */
  readonly epoch: string
  /** The topics as they were then. */
  readonly topics: Log['topics']
}

/** The history of one run. */
export interface History {
  readonly entries: readonly Entry[]
  readonly log: Log
  /**
   * A restored backup, or a failover that lost events: RESET is then a legitimate reason, and what was acknowledged
   * before may be gone.
   */
  readonly restored?: Restoration
  /** Whether the database failed over: RESET is then the reason of the first snapshot in a new epoch. It lost nothing without `restored`. */
  readonly failedOver?: boolean
  /** Topics that their owner deleted: a late subscriber is told that they do not exist. */
  readonly deleted?: ReadonlySet<string>
}

/** The rules that the checker enforces. */
export const rules = {
  lost: 'an event was never delivered, and nothing reports that it was skipped',
  repeated: 'an event was delivered twice',
  reordered: 'an event was delivered after a later one',
  altered: 'an event was delivered with other content than the log has',
  completedEarly: 'a subscription completed without a terminal event',
  neverEnded: 'a subscription did not complete after the terminal event',
  wrongSnapshot: 'a snapshot differs from the state that the log has at its position',
  missingSnapshot: 'no snapshot was delivered after a client without a cursor reconnected',
  unexpectedSnapshot: 'a snapshot was delivered without a legitimate reason',
  wrongCursor: 'one cursor stands for two positions, or two cursors for one',
  notFinal: 'something followed a terminal event',
  brokenLog: 'the log has a gap, or a transition that the state machine does not allow',
  twoAttempts: 'two attempts executed one task at once, or one part of it twice',
  wrongResult: 'a task ended in another way than its input requires',
  stuck: 'a task did not end',
  notIdempotent: 'one idempotency key started several tasks',
  mutationLost: 'an acknowledged mutation has no effect in the database',
  crashed: 'a process of the product exited by itself',
  errorVisible: 'a subscriber or caller received an error for a failure of the infrastructure',
} as const

/** The name of a rule. */
export type Rule = keyof typeof rules

/** One violation of a rule. */
export interface Violation {
  readonly rule: Rule
  /** The subscription, task or mutation concerned. */
  readonly subject: string
  readonly detail: string
}
