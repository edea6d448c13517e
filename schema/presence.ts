import type { Guard } from '../src/live/field.ts'
import { requireLimitedViewer } from './builder.ts'
import type { Context } from './context.ts'

/** Longer than the pause between two requests of a client that polls (`maxPollMs`, 5 s), with what a slow line takes. */
const pollLingerMs = 8_000

/**
 * A guard as long as which the viewer counts as present at a topic: it begins and ends with the subscription, however that ends, as all
 * guards do. One who polls is there from one request to the next.
 *
 * @param guard - what else may end the subscription
 */
export function guardWithPresence(context: Context, topic: string, guard?: Guard): Guard {
  const { userId } = requireLimitedViewer(context)
  // The guard lives as long as the subscription: it must not hold on to the context of the request.
  const { catchUp, engine } = context
  const { presence } = engine
  const lingerMs = catchUp ? pollLingerMs : 0
  return (revoke) => {
    const leave = presence.enter(topic, userId)
    if (guard === undefined && lingerMs === 0) return leave
    const stop = guard?.(revoke)
    return () => {
      stop?.()
      leave(lingerMs)
    }
  }
}
