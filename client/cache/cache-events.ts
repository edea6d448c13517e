import { gql } from '@urql/core'
import type { Cache } from '@urql/exchange-graphcache'
import { finalStatuses } from '../../src/protocol.ts'
import type { CacheContext, CacheRules, Fields, Memory, TaskEventFields } from './cache-rules.ts'
import type { KnownValues } from './late-answers-exchange.ts'

/** Applies task events to the cache. */
interface TaskCache extends CacheContext, KnownValues {
  /** Applies an event of `taskProgress`. An event older than the remembered one changes nothing. */
  applyEvent(cache: Cache, event: unknown): void
  /** Adds the rules of an application. */
  add(rules: CacheRules): void
}

/** The newest state of a task. */
interface TaskFields {
  readonly seq: number
  readonly fields: Fields
}

/** The maximum number of values in a memory. */
const maxRemembered = 1_000

/**
 * Creates the bookkeeping. It remembers the newest event of each task, so that an older event, or a
 * snapshot or response that was overtaken in transit, does not restore an older state.
 *
 * @param fields - the field names of each schema type
 */
export function createTaskCache(fields: ReadonlyMap<string, ReadonlySet<string>>): TaskCache {
  let position = 0
  const memories: { clear(): void }[] = []
  const allRules: CacheRules[] = []
  const fragments = new Map<string, ReturnType<typeof gql>>()

  const createMemory = <V>(): Memory<V> => {
    /** Each value with the position at which it became known. */
    const values = new Map<string, { readonly value: V; readonly position: number }>()
    memories.push(values)
    return {
      get: (key) => values.get(key)?.value,
      getAfter(key, after) {
        const entry = values.get(key)
        return entry === undefined || entry.position <= after ? undefined : entry.value
      },
      set(key, value) {
        values.delete(key)
        values.set(key, { value, position: ++position })
        for (const oldest of values.keys()) {
          if (values.size <= maxRemembered) break
          values.delete(oldest)
        }
      },
    }
  }
  const tasks = createMemory<TaskFields>()
  const write: CacheContext['write'] = (cache, entity, data) => {
    const merged = { ...entity, ...data }
    const text = `fragment Written on ${entity.__typename} ${select(merged, fields)}`
    const fragment = fragments.get(text) ?? gql(text)
    fragments.set(text, fragment)
    cache.writeFragment(fragment, merged)
  }
  const forgetOnReset: CacheContext['forgetOnReset'] = ({ reason }) => {
    if (reason === 'RESET') for (const memory of memories) memory.clear()
  }

  return {
    fields,
    write,
    createMemory,
    forgetOnReset,
    get position() {
      return position
    },
    findAfter(after) {
      const finders = allRules.flatMap((rules) => rules.findAfter?.(after) ?? [])
      return (type, id, field) => {
        if (type === 'Task') return tasks.getAfter(id, after)?.fields[field]
        for (const find of finders) {
          const value = find(type, id, field)
          if (value !== undefined) return value
        }
        return undefined
      }
    },
    add: (rules) => allRules.push(rules),
    applyEvent(cache, data) {
      const event = (data ?? {}) as TaskEventFields
      forgetOnReset(event)
      const { taskId, seq } = event
      if (taskId === undefined || seq === undefined) return
      const entry = tasks.get(taskId)
      const isNewer = entry === undefined || seq >= entry.seq
      const newest = isNewer ? { seq, fields: readTaskFields(event) } : entry
      if (isNewer) tasks.set(taskId, newest)
      const task = { __typename: 'Task', id: taskId }
      // Written even when the event is not newer: a snapshot has already put its own state into the
      // cache.
      if (cache.resolve(task, 'status') !== undefined) write(cache, task, newest.fields)
      if (isNewer) for (const { onTaskEvent } of allRules) onTaskEvent?.(cache, event)
    },
    applyListedTask(cache, taskId, task) {
      const entry = taskId === undefined ? undefined : tasks.get(taskId)
      if (taskId === undefined || entry === undefined || task?.status === undefined) return
      if (isFinal(entry.fields['status']) && !isFinal(task.status))
        write(cache, { __typename: 'Task', id: taskId }, entry.fields)
    },
  }
}

/** Returns the fields of the task as a whole that an event carries. */
function readTaskFields(event: TaskEventFields): Readonly<Record<string, unknown>> {
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
