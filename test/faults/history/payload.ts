import { createHash } from 'node:crypto'
import type { LoggedEvent, Piece } from './history.ts'

/**
 * The compared fields of events, computed twice: from a delivered GraphQL result
 * and from a row of the log. Written without the engine's code, so that an error there is not
 * repeated here.
 */

/** The part of a delivered event that the documents of the rig select. */
export interface DeliveredFields {
  readonly __typename: string
  readonly seq: number
  readonly cursor: string
  readonly at: string
  readonly status?: string
  readonly progress?: ProgressFields
  readonly [field: string]: unknown
}

interface ProgressFields {
  readonly percent: number
  readonly stage: string | null
  readonly completedItems: number
  readonly failedItems: number
  readonly totalItems: number
}

/** The state that a task snapshot shows. */
export interface TaskStateFields {
  readonly status: string
  readonly attempt: number
  readonly progress: ProgressFields
  readonly items: readonly { readonly key: string; readonly status: string }[]
}

type Json = Readonly<Record<string, unknown>>

const record = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(record) : [])

/** Returns a short hash of a list of fields. */
export function digest(fields: unknown): string {
  return createHash('sha1').update(JSON.stringify(fields)).digest('base64url').slice(0, 12)
}

function progressFields(value: unknown): readonly unknown[] {
  const progress = record(value)
  return [
    progress['percent'] ?? 0,
    progress['stage'] ?? null,
    progress['completedItems'] ?? 0,
    progress['failedItems'] ?? 0,
    progress['totalItems'] ?? 0,
  ]
}

/** The compared content of an event. */
export interface Content {
  readonly digest: string
  /** Of an *append* event; not part of the digest, because pieces may be joined. */
  readonly piece?: Piece
}

function pieceOf(type: string, value: Json): { readonly piece?: Piece } {
  const { text, offset } = value
  return isAppend(type) && typeof text === 'string' && typeof offset === 'number' ? { piece: { offset, text } } : {}
}

/** Returns the content of a delivered event. */
export function readDelivered(event: DeliveredFields): Content {
  const type = event.__typename
  const common = [event.seq, type, Date.parse(event.at)]
  const piece = pieceOf(type, event)
  if (type.startsWith('Session')) return { digest: digest([...common, sessionFields(type, event)]), ...piece }
  if (!type.startsWith('Task')) {
    const { taskStatus, quizStatus, replacedQuestionId, questionId, contents } = event
    const fields = objectFields(event, taskStatus ?? quizStatus, questionId ?? replacedQuestionId, contents)
    return { digest: digest([...common, fields]) }
  }
  const own = ((): unknown => {
    switch (type) {
      case 'TaskStarted':
        return event['attempt']
      case 'TaskItemsAdded':
        return list(event['items']).map((item) => [item['key'], item['status']])
      case 'TaskItemStarted':
      case 'TaskItemCompleted':
      case 'TaskItemFailed':
        return [record(event['item'])['key'], record(event['item'])['status']]
      case 'TaskOutput':
        return event['stream']
      case 'TaskRetrying':
        return [event['attempt'], record(event['error'])['code']]
      case 'TaskFailed':
        return record(event['error'])['code']
      case 'TaskCanceled':
        return event['cancelReason'] ?? null
      default:
        return null
    }
  })()
  return { digest: digest([...common, event.status, progressFields(event.progress), own]), ...piece }
}

/** Returns the same content for an event of the log. */
export function readLogged({ seq, type, at, payload }: LoggedEvent): Content {
  const common = [seq, type, Date.parse(at)]
  const piece = pieceOf(type, payload)
  if (type.startsWith('Session')) return { digest: digest([...common, sessionFields(type, payload)]), ...piece }
  if (!type.startsWith('Task')) {
    const { status, questionId, pieces } = payload
    return { digest: digest([...common, objectFields(payload, status, questionId, pieces)]) }
  }
  const own = ((): unknown => {
    if (type === 'TaskStarted') return payload['attempt']
    if (type === 'TaskItemsAdded') return list(payload['items']).map((item) => [item['key'], item['status']])
    if (type.startsWith('TaskItem')) {
      const item = record(payload['item'])
      return [item['key'], item['status']]
    }
    if (type === 'TaskOutput') return payload['stream']
    const code = record(payload['error'])['code']
    if (type === 'TaskRetrying') return [payload['attempt'], code]
    if (type === 'TaskFailed') return code
    if (type === 'TaskCanceled') return payload['reason'] ?? null
    return null
  })()
  return { digest: digest([...common, payload['status'], progressFields(payload['progress']), own]), ...piece }
}

/** The compared fields of the events of roadmaps and quizzes. */
function objectFields(value: Json, status: unknown, questionId: unknown, pieces: unknown): readonly unknown[] {
  return [
    ...[value['taskId'], status, questionId, value['version'], value['isAccepted'], value['cause']].map(
      (field) => field ?? null,
    ),
    value['questionIds'] ?? [],
    list(pieces).map((piece) => [piece['conceptId'], piece['piece'], piece['status']]),
  ]
}

function sessionFields(type: string, value: Json): readonly unknown[] {
  const message = record(value['message'])
  const statistics = record(value['statistics'])
  switch (type) {
    case 'SessionMessageAdded':
    case 'SessionMessageChanged':
      return [message['id'], message['status'], message['body']]
    case 'SessionReplyAdvanced':
      return [value['messageId'], value['attempt']]
    case 'SessionStatisticsChanged':
      return [statistics['messageCount']]
    default:
      return []
  }
}

/** Whether events of a type may be joined for a slow subscriber. */
export function isAppend(type: string): boolean {
  return type === 'TaskOutput' || type === 'SessionReplyAdvanced'
}

/** Whether a later event of the same type contains everything of an earlier one. */
export function isLatest(type: string): boolean {
  return type === 'TaskAdvanced' || type === 'SessionStatisticsChanged'
}

/** Whether an event is outside the log: it repeats the last seq. */
export function isEphemeral(type: string): boolean {
  return type === 'TaskQueueMoved' || type === 'SessionPresenceChanged'
}

const terminalTypes: ReadonlySet<string> = new Set([
  ...['TaskCompleted', 'TaskFailed', 'TaskCanceled'],
  ...['SessionClosed', 'RoadmapDeleted', 'QuizDeleted'],
])

/** Whether nothing may follow an event. */
export function isTerminal(type: string): boolean {
  return terminalTypes.has(type)
}

/** Returns the state in a task snapshot as comparable text. */
export function describeState({ status, attempt, progress, items }: TaskStateFields): string {
  const parts = items.map(({ key, status: itemStatus }) => `${key} ${itemStatus}`).sort()
  return JSON.stringify([status, attempt, progressFields(progress), parts])
}

/** Folds the events of a task up to a position into the state that a snapshot there shows. */
export function describeStateAt(events: readonly LoggedEvent[], seq: number): string {
  let status: unknown = 'QUEUED'
  let attempt = 0
  let progress: unknown
  const items = new Map<unknown, unknown>()
  for (const { type, payload } of events.slice(0, seq)) {
    status = payload['status'] ?? status
    progress = payload['progress'] ?? progress
    if (type === 'TaskStarted') {
      attempt = Number(payload['attempt'])
      for (const [key, itemStatus] of items)
        if (itemStatus !== 'COMPLETED' && itemStatus !== 'SKIPPED') items.set(key, 'PENDING')
    }
    for (const item of [...list(payload['items']), record(payload['item'])])
      if (item['key'] !== undefined) items.set(item['key'], item['status'])
  }
  // An item is running only while its task is, and the first attempt counts from the start.
  const statusOf = (itemStatus: unknown): unknown =>
    itemStatus === 'RUNNING' && status !== 'RUNNING' ? 'PENDING' : itemStatus
  const parts = [...items].map(([key, itemStatus]) => `${String(key)} ${String(statusOf(itemStatus))}`).sort()
  return JSON.stringify([status, Math.max(1, attempt), progressFields(progress), parts])
}
