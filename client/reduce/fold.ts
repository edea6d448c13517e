/** What a fold has to know of its state to tell news from what it knows. */
interface Folded {
  /** The number of the last event. */
  readonly seq: number
  /** Where the log began anew, so that the same word of it is not taken twice. */
  readonly resetCursor: string | null
}

/** Whether a snapshot tells more than is known, or the same anew. */
export function isNews(
  before: Folded,
  { reason, seq, cursor }: { readonly reason: string; readonly seq: number; readonly cursor: string },
): boolean {
  // After a reset the numbers start anew, so a smaller one may well be newer.
  if (reason === 'RESET' && cursor !== before.resetCursor) return true
  return seq >= before.seq
}

/**
 * What a fold makes of an event that it does not know: nothing. For the default branch of a `switch`, so that the compiler tells which of
 * the known ones was forgotten; at run time it is not `never`, as a server newer than this client sends events that it cannot know.
 */
export function ignoreUnknown<State>(_event: never, state: State): State {
  return state
}
