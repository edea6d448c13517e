import { gql } from '@urql/core'
import type { Cache } from '@urql/exchange-graphcache'
import { finalStatuses } from '../../src/protocol.ts'
import type { Memory } from './late-answers-exchange.ts'

/** Applies task events to the cache. */
interface TaskCache extends Memory {
  /** Applies an event of `taskProgress`. An event older than the remembered one changes nothing. */
  applyEvent(cache: Cache, event: unknown): void
  /**
   * Applies an event of `roadmapUpdates`: the status of content, no matter which client changed it.
   */
  applyRoadmapEvent(cache: Cache, event: unknown): void
  /** Applies an event of `viewerUpdates`, whose task may have been read before the task's own last event. */
  applyViewerEvent(cache: Cache, event: unknown): void
  /** Applies the result of `retryContent`. */
  applyRetry(cache: Cache, input: unknown, answer: unknown): void
}

/** An event, with the fields that were selected under their schema names. */
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

/** The status of a piece of content, as an event of its roadmap reports it. */
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

/**
 * The newest state of a piece of content and the task that produced it; null where the task is not
 * known.
 */
interface PieceState {
  readonly taskId: string | null
  readonly fields: Fields
}

/** A remembered value, and the position at which it became known. */
type Known<V> = V & { readonly position: number }

/** Maps the status of a task item that produces content to the status of that content. */
const contentStatus: Readonly<Record<string, string>> = {
  PENDING: 'PENDING',
  RUNNING: 'GENERATING',
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
}
/** The maximum number of tasks, and of pieces of content, to remember. */
const maxRemembered = 1_000

/**
 * Creates the bookkeeping. It remembers the newest event of each task, so that an older event, or a
 * snapshot or response that was overtaken in transit, does not restore an older state.
 *
 * @param fields - the field names of each schema type
 */
export function createTaskCache(fields: ReadonlyMap<string, ReadonlySet<string>>): TaskCache {
  const tasks = new Map<string, Known<TaskFields>>()
  const pieces = new Map<string, Known<PieceState>>()
  let position = 0
  const fragments = new Map<string, ReturnType<typeof gql>>()

  /** Writes exactly the given fields of an entity in the cache. */
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

  /**
   * The log was reset to an earlier point: events remembered from it may no longer be part of it.
   */
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
      const entry =
        type === 'Task' ? tasks.get(id) : type === 'Concept' ? pieces.get(`${id}:${field.toUpperCase()}`) : undefined
      if (entry === undefined || entry.position <= after) return undefined
      return type === 'Task' ? entry.fields[field] : entry.fields
    },
    applyEvent(cache, data) {
      const event = (data ?? {}) as EventFields
      forgetOnReset(event)
      const { taskId, seq, item } = event
      if (taskId === undefined || seq === undefined) return
      const entry = tasks.get(taskId)
      const isNewer = entry === undefined || seq >= entry.seq
      const newest = isNewer ? { seq, fields: readTaskFields(event) } : entry
      if (isNewer) rememberTask(taskId, newest)
      const task = { __typename: 'Task', id: taskId }
      // Written even when the event is not newer: a snapshot has already put its own state into the
      // cache.
      if (cache.resolve(task, 'status') !== undefined) write(cache, task, newest.fields)
      if (!isNewer) return
      const piece = readMadePiece(event)
      // The content itself is in the cache already, as part of the event.
      if (piece !== undefined) rememberPiece(piece.key, { taskId, fields: piece.fields })
      const status = contentStatus[item?.status ?? '']
      if (item?.key === undefined || status === undefined) return
      const state: PieceState = { taskId, fields: { status, ...('error' in item ? { error: item.error } : {}) } }
      rememberPiece(item.key, state)
      writePiece(cache, item.key, state)
    },
    applyRoadmapEvent(cache, data) {
      const event = (data ?? {}) as {
        readonly taskId?: string
        readonly reason?: string
        readonly contents?: readonly ContentChange[]
      }
      forgetOnReset(event)
      for (const { conceptId, piece, status, error } of event.contents ?? []) {
        const key = `${conceptId}:${piece}`
        const fields = { status, ...(error === undefined ? {} : { error }) }
        // This event may arrive before the response to the mutation that caused it.
        rememberPiece(key, { taskId: event.taskId ?? pieces.get(key)?.taskId ?? null, fields })
        writePiece(cache, key, { fields })
      }
    },
    applyViewerEvent(cache, event) {
      const { taskId, task } = (event ?? {}) as { readonly taskId?: string; readonly task?: EventFields | null }
      const entry = taskId === undefined ? undefined : tasks.get(taskId)
      if (taskId === undefined || entry === undefined || task?.status === undefined) return
      if (isFinal(entry.fields['status']) && !isFinal(task.status))
        write(cache, { __typename: 'Task', id: taskId }, entry.fields)
    },
    applyRetry(cache, input, answer) {
      const { conceptId, piece } = (input ?? {}) as { readonly conceptId?: string; readonly piece?: string }
      const { __typename: type, task } = (answer ?? {}) as {
        readonly __typename?: string
        readonly task?: { id?: string }
      }
      if (conceptId === undefined || piece === undefined || type !== 'RetryContentSuccess') return
      const key = `${conceptId}:${piece}`
      const entry = pieces.get(key)
      // The events of the retry may have arrived before the response.
      const isOvertaken = entry !== undefined && entry.taskId !== null && entry.taskId === task?.id
      const state = isOvertaken ? entry : { taskId: task?.id ?? null, fields: { status: 'GENERATING', error: null } }
      if (!isOvertaken) rememberPiece(key, state)
      writePiece(cache, key, state)
    },
  }
}

/** Returns the fields of the task as a whole that an event carries. */
function readTaskFields(event: EventFields): Readonly<Record<string, unknown>> {
  const { __typename: type = '', status, cursor, progress, attempt, error, at, nextAttemptAt } = event
  return {
    ...(status === undefined ? {} : { status }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(progress === undefined ? {} : { progress }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(type === 'TaskFailed' && error !== undefined ? { error } : {}),
    // A snapshot carries its own.
    ...(status === undefined || type === 'TaskSnapshot' ? {} : { nextAttemptAt: nextAttemptAt ?? null }),
    ...(isFinal(status) && type !== 'TaskSnapshot' && at !== undefined ? { finishedAt: at } : {}),
  }
}

function isFinal(status: unknown): boolean {
  return finalStatuses.includes(String(status))
}

/**
 * Returns the content that a task produced, from its terminal event; undefined for other events.
 */
function readMadePiece({ result }: EventFields): { readonly key: string; readonly fields: Fields } | undefined {
  const { conceptId, piece, concept } = result ?? {}
  const content = piece === undefined ? undefined : concept?.[piece.toLowerCase()]
  if (conceptId === undefined || piece === undefined || typeof content !== 'object' || content === null)
    return undefined
  return { key: `${conceptId}:${piece}`, fields: content as Fields }
}

/**
 * Builds a selection of the fields present in `data`. Aliases are not fields of the type and are
 * omitted.
 */
function select(data: object, fields: ReadonlyMap<string, ReadonlySet<string>>): string {
  const { __typename: type = '' } = data as { readonly __typename?: string }
  const names = fields.get(type)
  const parts = Object.entries(data).flatMap(([name, value]) => {
    if (names?.has(name) !== true) return []
    return typeof value === 'object' && value !== null ? [`${name} ${select(value, fields)}`] : [name]
  })
  return `{ ${['__typename', ...parts].join(' ')} }`
}

/** Moves the entry to the end, and evicts the oldest entries beyond the limit. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= maxRemembered) break
    map.delete(oldest)
  }
}
