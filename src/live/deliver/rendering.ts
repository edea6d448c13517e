import type { Marks, Payload } from './frames.ts'

/** A payload, or its promise if a resolver is asynchronous. */
export type Rendering = Payload | Promise<Payload>

/**
 * Executes a value for all members of a group. Its identity determines which payloads can be
 * shared.
 */
export type Render = (value: unknown, marks?: Marks) => Rendering

/**
 * Payloads for late subscribers, by event or state and by group, kept as long as the event or state
 * is referenced. One map for all groups: one per group would take more memory than most groups.
 */
export type Rendered = WeakMap<
  object,
  readonly { readonly render: Render; readonly reason: string; readonly payload: Rendering }[]
>

/** Whether a rendering is available synchronously. */
export function isReady(rendering: Rendering): rendering is Payload {
  return !(rendering instanceof Promise)
}

/**
 * Calls `render` and converts an exception into a rejection, which is never reported as unhandled.
 */
export function attempt(render: Render, value: unknown, marks?: Marks): Rendering {
  let rendering: Rendering
  try {
    rendering = render(value, marks)
  } catch (error) {
    rendering = Promise.reject(error instanceof Error ? error : new Error(String(error)))
  }
  // Prevents an unhandled rejection: the failure is handled in order, or the payload is unused.
  if (rendering instanceof Promise) rendering.catch(() => undefined)
  return rendering
}

/** Renders one event or state, at most once for concurrent late subscribers. */
export function renderOnce(
  rendered: Rendered,
  request: {
    /** The event or the state. */
    readonly key: unknown
    /** The reason of the snapshot; empty for an event. */
    readonly reason: string
    readonly render: Render
    /** Creates the value to render. */
    readonly read: () => unknown
    readonly marks: Marks | undefined
  },
): Rendering {
  const { key, reason, render, read, marks } = request
  // Only objects can be keys: primitive states cannot be distinguished from each other.
  if (typeof key !== 'object' || key === null) return render(read(), marks)
  const entries = rendered.get(key) ?? []
  const same = entries.find((entry) => entry.render === render && entry.reason === reason)
  if (same !== undefined) return same.payload
  const payload = render(read(), marks)
  rendered.set(key, [...entries, { render, reason, payload }])
  // A retry must not receive the same failure: the database may have been unavailable.
  if (payload instanceof Promise) payload.catch(() => rendered.delete(key))
  return payload
}
