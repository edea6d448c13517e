import type { Guard } from '../../src/live/execute/topic-field.ts'
import { requireLimitedViewer } from './builder.ts'
import type { Context } from './context.ts'

/**
 * Longer than the pause between two requests of a polling client (`maxPollMs`, 5 s), plus the delay
 * of a slow connection.
 */
const pollLingerMs = 8_000

/**
 * Creates a guard that keeps the viewer present at a topic: like all guards it starts and ends with
 * the subscription, however that ends. A polling client stays present from one request to the next.
 *
 * @param guard - another guard that may end the subscription
 */
export function guardWithPresence(context: Context, topic: string, guard?: Guard): Guard {
  const { userId } = requireLimitedViewer(context)
  // The guard lives as long as the subscription, so it must not retain the context of the request.
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
