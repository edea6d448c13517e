import type { Marks, Payload } from './frames.ts'

/** A payload, or its promise if a resolver is asynchronous. */
export type PayloadOrPromise = Payload | Promise<Payload>

/**
 * Executes the source of an event for all members of a group. Its identity determines which payloads can be
 * shared.
 */
export type ExecuteEvent = (source: unknown, marks?: Marks) => PayloadOrPromise

/**
 * Payloads for late subscribers, by event or state and by group, kept as long as the event or state
 * is referenced. One map for all groups: one per group would take more memory than most groups.
 */
export type PayloadCache = WeakMap<
  object,
  readonly { readonly execute: ExecuteEvent; readonly reason: string; readonly payload: PayloadOrPromise }[]
>

/** Whether a payload is available synchronously. */
export function isReady(payload: PayloadOrPromise): payload is Payload {
  return !(payload instanceof Promise)
}

/**
 * Calls `execute` and converts an exception into a rejection, which is never reported as unhandled.
 */
export function attempt(execute: ExecuteEvent, source: unknown, marks?: Marks): PayloadOrPromise {
  let payload: PayloadOrPromise
  try {
    payload = execute(source, marks)
  } catch (error) {
    payload = Promise.reject(error instanceof Error ? error : new Error(String(error)))
  }
  // Prevents an unhandled rejection: the failure is handled in order, or the payload is unused.
  if (payload instanceof Promise) payload.catch(() => undefined)
  return payload
}

/** Executes one event or state, at most once for concurrent late subscribers. */
export function executeOnce(
  cache: PayloadCache,
  request: {
    /** The event or the state. */
    readonly key: unknown
    /** The reason of the snapshot; empty for an event. */
    readonly reason: string
    readonly execute: ExecuteEvent
    /** Creates the source to execute. */
    readonly read: () => unknown
    readonly marks: Marks | undefined
  },
): PayloadOrPromise {
  const { key, reason, execute, read, marks } = request
  // Only objects can be keys: primitive states cannot be distinguished from each other.
  if (typeof key !== 'object' || key === null) return execute(read(), marks)
  const entries = cache.get(key) ?? []
  const existing = entries.find((entry) => entry.execute === execute && entry.reason === reason)
  if (existing !== undefined) return existing.payload
  const payload = execute(read(), marks)
  cache.set(key, [...entries, { execute, reason, payload }])
  // A retry must not receive the same failure: the database may have been unavailable.
  if (payload instanceof Promise) payload.catch(() => cache.delete(key))
  return payload
}
