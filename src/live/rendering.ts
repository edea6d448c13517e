import type { Payload } from './frames.ts'

/** A payload, or its promise where a resolver has to wait for something. */
export type Rendering = Payload | Promise<Payload>

/** Executes a value for everybody; the same function is the same way of looking. */
export type Render = (value: unknown) => Rendering

/**
 * Payloads for those who catch up, by the event or the state that they tell, and by the group: they live as long as somebody
 * may ask for them. One for all groups, as one of each group's own would weigh more than most groups.
 */
export type Rendered = WeakMap<
  object,
  readonly { readonly render: Render; readonly reason: string; readonly payload: Rendering }[]
>

/** Whether nothing has to be waited for. */
export function isReady(rendering: Rendering): rendering is Payload {
  return !(rendering instanceof Promise)
}

/** What `render` returns, or a rejection of what it throws, which is nobody's when it is not looked at. */
export function attempt(render: Render, value: unknown): Rendering {
  let rendering: Rendering
  try {
    rendering = render(value)
  } catch (error) {
    rendering = Promise.reject(error instanceof Error ? error : new Error(String(error)))
  }
  // Its failure is dealt with in its turn, or is nobody's.
  if (rendering instanceof Promise) rendering.catch(() => undefined)
  return rendering
}

/** The payload of one event or state, made at most once for those who catch up at the same time. */
export function renderOnce(
  rendered: Rendered,
  one: {
    /** The event or the state. */
    readonly key: unknown
    /** Why the state is told; empty for an event. */
    readonly reason: string
    readonly render: Render
    /** Makes the value to be rendered. */
    readonly read: () => unknown
  },
): Rendering {
  const { key, reason, render, read } = one
  // A state that is nothing cannot be told from another.
  if (typeof key !== 'object' || key === null) return render(read())
  const known = rendered.get(key) ?? []
  const same = known.find((other) => other.render === render && other.reason === reason)
  if (same !== undefined) return same.payload
  const payload = render(read())
  rendered.set(key, [...known, { render, reason, payload }])
  // Who comes back after a failure is not to meet the same one: the record may have been away.
  if (payload instanceof Promise) payload.catch(() => rendered.delete(key))
  return payload
}
