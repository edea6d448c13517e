/** The part of a state that a reducer needs to detect events it has folded already. */
export interface Folded {
  /** The number of the last event. */
  readonly seq: number
  /** The cursor of the last reset snapshot, so that the same reset is not folded twice. */
  readonly resetCursor: string | null
}

/**
 * Whether a snapshot is at least as new as the state that it would replace. For reducers of a topic: a snapshot repeats the state
 * after a new subscription, or replaces it when the log was reset to an earlier point.
 *
 * @example
 * if (event.__typename === 'BoardSnapshot') return isNewerSnapshot(state, event) ? readSnapshot(event) : state
 */
export function isNewerSnapshot(
  before: Folded,
  { reason, seq, cursor }: { readonly reason: string; readonly seq: number; readonly cursor: string },
): boolean {
  // After a reset, numbers start over, so a smaller number may be newer.
  if (reason === 'RESET' && cursor !== before.resetCursor) return true
  return seq >= before.seq
}

/**
 * Ignores an event of unknown type. For the default branch of a `switch`: the compiler reports
 * known types that the switch does not handle. At run time the event is not `never`, as a server
 * newer than this client sends types that the client does not know.
 *
 * @example
 * switch (event.__typename) {
 *   case 'CardAdded':
 *     return addCard(state, event.card)
 *   case 'CardRemoved':
 *     return removeCard(state, event.cardId)
 *   default:
 *     return ignoreUnknown(event, state)
 * }
 */
export function ignoreUnknown<State>(_event: never, state: State): State {
  return state
}
