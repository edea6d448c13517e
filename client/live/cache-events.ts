import { gql } from '@urql/core'
import type { Cache } from '@urql/exchange-graphcache'
import { terminalEvents } from '../../src/protocol.ts'
import type { Memory } from './late-answers-exchange.ts'

/** What the events of tasks mean for what is in the cache. */
export interface TaskCache extends Memory {
  /** Takes an event of `taskProgress`. One that is older than what is known changes nothing. */
  applyEvent(cache: Cache, event: unknown): void
  /** Takes an event of `roadmapUpdates`: where pieces are, whoever changed them. */
  applyRoadmapEvent(cache: Cache, event: unknown): void
  /** Takes the answer to `retryContent`. */
  applyRetry(cache: Cache, input: unknown, answer: unknown): void
}

/** An event, as far as it was selected under the names of the schema. */
interface EventFields {
  readonly __typename?: string
  readonly taskId?: string
  readonly seq?: number
  readonly at?: string
  readonly status?: string
  readonly cursor?: string
  readonly progress?: object
  readonly attempt?: number
  readonly error?: object
  readonly reason?: string
  readonly nextAttemptAt?: string
  readonly result?: { readonly conceptId?: string; readonly piece?: string; readonly concept?: Fields | null } | null
  readonly item?: { readonly key?: string; readonly status?: string; readonly error?: object | null }
}

/** Where a piece is, as an event of its roadmap tells it. */
interface ContentChange {
  readonly conceptId: string
  readonly piece: string
  readonly status: string
  readonly error?: object | null
}

type Fields = Readonly<Record<string, unknown>>

/** The newest state of a task. */
interface TaskFields {
  readonly seq: number
  readonly fields: Fields
}

/** The newest state of a piece of content, and the task that brought it; null where that is not known. */
interface PieceState {
  readonly taskId: string | null
  readonly fields: Fields
}

/** A remembered value, and the position at which it became known. */
type Known<V> = V & { readonly position: number }

/** How a part of a task that makes content stands, as the content's own state. */
const contentStatus: Readonly<Record<string, string>> = {
  PENDING: 'PENDING',
  RUNNING: 'GENERATING',
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
}
/** How many tasks and pieces are remembered. */
const maxRemembered = 1_000

/**
 * Creates the bookkeeping: it remembers the newest event of each task, so that an older one, or a snapshot or an answer
 * that was overtaken on its way, does not bring an older state back.
 *
 * @param fields - the names of the fields of each type of the schema
 */
export function createTaskCache(fields: ReadonlyMap<string, ReadonlySet<string>>): TaskCache {
  const tasks = new Map<string, Known<TaskFields>>()
  const pieces = new Map<string, Known<PieceState>>()
  let position = 0
  const fragments = new Map<string, ReturnType<typeof gql>>()

  /** Writes exactly the given fields of something that is in the cache. */
  const write = (cache: Cache, entity: { readonly __typename: string; readonly id: string }, data: object): void => {
    const whole = { ...entity, ...data }
    const text = `fragment Written on ${entity.__typename} ${select(whole, fields)}`
    const fragment = fragments.get(text) ?? gql(text)
    fragments.set(text, fragment)
    cache.writeFragment(fragment, whole)
  }
  const writePiece = (cache: Cache, key: string, { fields: written }: Pick<PieceState, 'fields'>): void => {
    const [id = '', piece = ''] = key.split(':')
    const concept = { __typename: 'Concept', id }
    const field = piece.toLowerCase()
    if (!fields.get('Concept')?.has(field) || cache.resolve(concept, field) === undefined) return
    write(cache, concept, { [field]: { __typename: 'Content', piece, ...written } })
  }

  /** The log went back: what was remembered of it may never have happened. */
  const forgetOnReset = ({ reason }: { readonly reason?: string }): void => {
    if (reason !== 'RESET') return
    tasks.clear()
    pieces.clear()
  }
  const rememberTask = (id: string, state: TaskFields): void => remember(tasks, id, { ...state, position: ++position })
  const rememberPiece = (key: string, state: PieceState): void =>
    remember(pieces, key, { ...state, position: ++position })

  return {
    get position() {
      return position
    },
    findAfter: (after) => (type, id, field) => {
      const known =
        type === 'Task' ? tasks.get(id) : type === 'Concept' ? pieces.get(`${id}:${field.toUpperCase()}`) : undefined
      if (known === undefined || known.position <= after) return undefined
      return type === 'Task' ? known.fields[field] : known.fields
    },
    applyEvent(cache, given) {
      const event = (given ?? {}) as EventFields
      forgetOnReset(event)
      const { taskId, seq, item } = event
      if (taskId === undefined || seq === undefined) return
      const known = tasks.get(taskId)
      const isNewer = known === undefined || seq >= known.seq
      const newest = isNewer ? { seq, fields: readTaskFields(event) } : known
      if (isNewer) rememberTask(taskId, newest)
      const task = { __typename: 'Task', id: taskId }
      // Also when it is not newer: a snapshot has brought its own state into the cache by now.
      if (cache.resolve(task, 'status') !== undefined) write(cache, task, newest.fields)
      if (!isNewer) return
      const made = readMadePiece(event)
      // Its content is in the cache by now, as a part of the event.
      if (made !== undefined) rememberPiece(made.key, { taskId, fields: made.fields })
      const status = contentStatus[item?.status ?? '']
      if (item?.key === undefined || status === undefined) return
      const state: PieceState = { taskId, fields: { status, ...('error' in item ? { error: item.error } : {}) } }
      rememberPiece(item.key, state)
      writePiece(cache, item.key, state)
    },
    applyRoadmapEvent(cache, given) {
      const event = (given ?? {}) as {
        readonly taskId?: string
        readonly reason?: string
        readonly contents?: readonly ContentChange[]
      }
      forgetOnReset(event)
      for (const { conceptId, piece, status, error } of event.contents ?? []) {
        const key = `${conceptId}:${piece}`
        const fields = { status, ...(error === undefined ? {} : { error }) }
        // It may be faster than the answer to the mutation that caused it.
        rememberPiece(key, { taskId: event.taskId ?? pieces.get(key)?.taskId ?? null, fields })
        writePiece(cache, key, { fields })
      }
    },
    applyRetry(cache, input, answer) {
      const { conceptId, piece } = (input ?? {}) as { readonly conceptId?: string; readonly piece?: string }
      const { __typename: type, task } = (answer ?? {}) as {
        readonly __typename?: string
        readonly task?: { id?: string }
      }
      if (conceptId === undefined || piece === undefined || type !== 'RetryContentSuccess') return
      const key = `${conceptId}:${piece}`
      const known = pieces.get(key)
      // Its events may have been faster than the answer.
      const isOvertaken = known !== undefined && known.taskId !== null && known.taskId === task?.id
      const state = isOvertaken ? known : { taskId: task?.id ?? null, fields: { status: 'GENERATING', error: null } }
      if (!isOvertaken) rememberPiece(key, state)
      writePiece(cache, key, state)
    },
  }
}

/** What an event says about its task as a whole. */
function readTaskFields(event: EventFields): Readonly<Record<string, unknown>> {
  const { __typename: type = '', status, cursor, progress, attempt, error, at, nextAttemptAt } = event
  return {
    ...(status === undefined ? {} : { status }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(progress === undefined ? {} : { progress }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(type === 'TaskFailed' && error !== undefined ? { error } : {}),
    // A snapshot brings its own.
    ...(status === undefined || type === 'TaskSnapshot' ? {} : { nextAttemptAt: nextAttemptAt ?? null }),
    ...(terminalEvents.includes(type) && at !== undefined ? { finishedAt: at } : {}),
  }
}

/** The content that a task has made, as its last event brings it along; undefined for other events. */
function readMadePiece({ result }: EventFields): { readonly key: string; readonly fields: Fields } | undefined {
  const { conceptId, piece, concept } = result ?? {}
  const content = piece === undefined ? undefined : concept?.[piece.toLowerCase()]
  if (conceptId === undefined || piece === undefined || typeof content !== 'object' || content === null)
    return undefined
  return { key: `${conceptId}:${piece}`, fields: content as Fields }
}

/** A selection of what is there; aliases, which are no fields of the type, are left out. */
function select(data: object, fields: ReadonlyMap<string, ReadonlySet<string>>): string {
  const { __typename: type = '' } = data as { readonly __typename?: string }
  const names = fields.get(type)
  const parts = Object.entries(data).flatMap(([name, value]) => {
    if (names?.has(name) !== true) return []
    return typeof value === 'object' && value !== null ? [`${name} ${select(value, fields)}`] : [name]
  })
  return `{ ${['__typename', ...parts].join(' ')} }`
}

/** Keeps the newest entries at the end, and only so many. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= maxRemembered) break
    map.delete(oldest)
  }
}
