import type { LossKind } from '../transport/transport.ts'

/**
 * The state machine that decides which transport is used, from observations alone. Pure: it has no
 * timers, no clock and no sockets. `client/connection/live.ts` executes its effects and feeds it events.
 *
 * Transports are numbered from 0, the best one. The table of states × events is in
 * `docs/protocol.md`, and `test/client/connection/fallback.test.ts` covers it cell by cell.
 */
export interface FallbackState {
  /**
   * - `idle`: no connection is needed.
   * - `opening`: `level` is being tried; no data has arrived yet.
   * - `up`: `level` works.
   * - `probing`: `level` works, and `target` is being tried beside it.
   * - `waiting`: pauses before `level` is tried again.
   * - `closed`: refused permanently, or disposed.
   */
  readonly is: 'idle' | 'opening' | 'up' | 'probing' | 'waiting' | 'closed'
  readonly level: number
  /** Consecutive rounds that failed; determines the pause. */
  readonly attempt: number
  /** Consecutive connections on this transport that ended too soon. */
  readonly strikes: number
  /** Meaningful only while `probing`: a better transport, or the same one with a new token. */
  readonly target: number
  /**
   * Consecutive probes that failed or led to a transport that did not last; determines the pause
   * before the next probe.
   */
  readonly probes: number
  /**
   * Why the connection does not work or is not on the best transport; null when there is nothing to
   * explain.
   */
  readonly reason: string | null
}

/** An observation. */
export type FallbackEvent =
  /** A connection is needed, or no longer needed. */
  | { readonly type: 'wanted' }
  | { readonly type: 'unwanted' }
  /** Data arrived from the server over the transport in use. */
  | { readonly type: 'confirmed' }
  /**
   * The connection in use has ended. `steady`: it lived long enough to count as sound.
   * `recentSilent`: silent deaths of confirmed connections on this transport within the last
   * minutes, including this one, regardless of each lifetime.
   */
  | {
      readonly type: 'lost'
      readonly kind: LossKind
      readonly steady: boolean
      readonly recentSilent: number
      readonly reason: string
    }
  /** The token has expired: the same transport may be tried with a new one. */
  | { readonly type: 'expired'; readonly reason: string }
  /** The server refuses this client permanently; retrying is pointless. */
  | { readonly type: 'refused'; readonly reason: string }
  /** The pause is over. */
  | { readonly type: 'due' }
  /**
   * The pause is over, and a cheap request shows that the server cannot be reached: no transport
   * needs to be tried.
   */
  | { readonly type: 'unreachable'; readonly reason: string }
  /** The network, the page or the device is back. */
  | { readonly type: 'woken' }
  /** The pause before a probe is over. */
  | { readonly type: 'probeDue' }
  /** The token will expire soon. */
  | { readonly type: 'renewalDue' }
  | { readonly type: 'probeConfirmed' }
  | { readonly type: 'probeFailed'; readonly reason: string }
  /** Requested by the application. */
  | { readonly type: 'reconnect' }
  | { readonly type: 'disposed' }

/**
 * An effect to execute; effects run in the given order.
 *
 * - `drop`: end the probe. `close`: end the connection in use. `renew`: request a new token.
 * - `open`: try `level`. `probe`: try `target` beside it. `adopt`: use the probe as the connection,
 *   and end the old one.
 * - `check`: ask the connection in use for a sign of life.
 */
export type FallbackEffect = 'drop' | 'close' | 'renew' | 'open' | 'probe' | 'adopt' | 'check'

/** The next state and the effects to execute. */
interface FallbackStep {
  readonly state: FallbackState
  readonly effects: readonly FallbackEffect[]
}

/** Early ends on the best transport after which the next one is tried. */
const maxStrikes = 2

/** The initial state. */
export const initialFallback: FallbackState = {
  is: 'idle',
  level: 0,
  attempt: 0,
  strikes: 0,
  target: 0,
  probes: 0,
  reason: null,
}

/**
 * Computes one transition. An event that does not apply in a state changes nothing and has no
 * effects.
 *
 * @param transports - the number of transports, at least 1
 */
export function stepFallback(state: FallbackState, event: FallbackEvent, transports: number): FallbackStep {
  const stay: FallbackStep = { state, effects: [] }
  switch (event.type) {
    case 'wanted':
      return state.is === 'idle' ? open(initialFallback) : stay
    case 'unwanted':
      return state.is === 'closed' || state.is === 'idle' ? stay : leave(state, initialFallback)
    case 'disposed':
      return leave(state, { ...initialFallback, is: 'closed', reason: 'The client was disposed' })
    case 'reconnect':
      return state.is === 'idle' ? stay : restart(state, { ...initialFallback, is: 'opening' })
    case 'confirmed':
      return state.is === 'opening'
        ? { state: { ...state, is: 'up', attempt: 0, reason: why(state) }, effects: [] }
        : stay
    case 'lost':
      return lose(state, event, transports)
    case 'expired':
      return isActive(state) ? restart(state, { ...state, is: 'opening', reason: event.reason }) : stay
    case 'refused':
      return isActive(state) ? leave(state, { ...initialFallback, is: 'closed', reason: event.reason }) : stay
    case 'due':
      return state.is === 'waiting' ? open(state) : stay
    case 'unreachable':
      return state.is === 'waiting'
        ? { state: { ...state, attempt: state.attempt + 1, reason: event.reason }, effects: [] }
        : stay
    case 'woken':
      return wake(state)
    case 'probeDue':
      return state.is === 'up' && state.level > 0 ? probe(state, 0) : stay
    case 'renewalDue': {
      // The trial of a better transport may outlast the token.
      const isTrial = state.is === 'probing' && state.target !== state.level
      if (state.is !== 'up' && !isTrial) return stay
      const { state: probing, effects } = probe(state, state.level)
      return { state: probing, effects: [...(isTrial ? (['drop'] as const) : []), 'renew', ...effects] }
    }
    case 'probeConfirmed':
      return state.is === 'probing'
        ? {
            // Counted, so that a transport that is confirmed and then fails repeatedly is probed
            // less and less often.
            state: {
              ...state,
              is: 'up',
              level: state.target,
              strikes: 0,
              attempt: 0,
              probes: state.target < state.level ? state.probes + 1 : state.probes,
              reason: climbed(state),
            },
            effects: ['adopt'],
          }
        : stay
    case 'probeFailed': {
      if (state.is !== 'probing') return stay
      // All better transports are probed before the next pause.
      if (state.target + 1 < state.level)
        return { state: { ...state, target: state.target + 1 }, effects: ['drop', 'probe'] }
      return { state: { ...state, is: 'up', probes: state.probes + 1 }, effects: ['drop'] }
    }
  }
}

function lose(
  state: FallbackState,
  { kind, steady, recentSilent, reason }: Extract<FallbackEvent, { type: 'lost' }>,
  transports: number,
): FallbackStep {
  // The probe is the next attempt, and has started already.
  if (state.is === 'probing')
    return {
      state: { ...state, is: 'opening', level: state.target, attempt: 1, strikes: maxStrikes - 1, reason },
      effects: ['adopt'],
    }
  if (state.is !== 'opening' && state.is !== 'up') return { state, effects: [] }
  const wasUp = state.is === 'up'
  // A long life clears resets and refusals, but not silence: a proxy that silently drops a socket
  // after ten seconds or ten minutes does it again, and each time the page notices only after the
  // whole deadline.
  const strikes = Math.max(wasUp && steady ? 0 : state.strikes + 1, recentSilent)
  const attempt = wasUp ? Math.max(strikes, 1) : state.attempt + 1
  const probes = wasUp && steady && strikes === 0 && state.level === 0 ? 0 : state.probes
  const wait: FallbackStep = {
    state: { ...state, is: 'waiting', strikes, attempt, probes, reason },
    effects: ['close'],
  }
  if (kind === 'busy' || (wasUp && strikes < maxStrikes)) return wait
  const isTolerated = state.level === 0 && kind !== 'silent' && strikes < maxStrikes
  if (isTolerated) return wait
  if (state.level + 1 < transports)
    return {
      state: { ...state, is: 'opening', level: state.level + 1, strikes: 0, reason },
      effects: ['close', 'open'],
    }
  if (wasUp) return wait
  // Nothing gets through at all, so the transport is not the cause. Start again with the best one,
  // and fall back without pauses next time.
  return { state: { ...wait.state, level: 0, strikes: transports > 1 ? maxStrikes - 1 : strikes }, effects: ['close'] }
}

function wake(state: FallbackState): FallbackStep {
  if (state.is === 'waiting') return open(state)
  if (state.is === 'probing') return { state, effects: ['check'] }
  if (state.is !== 'up') return { state, effects: [] }
  if (state.level === 0) return { state, effects: ['check'] }
  const { state: probing, effects } = probe(state, 0)
  return { state: probing, effects: ['check', ...effects] }
}

function open(state: FallbackState): FallbackStep {
  return { state: { ...state, is: 'opening' }, effects: ['open'] }
}

function probe(state: FallbackState, target: number): FallbackStep {
  return { state: { ...state, is: 'probing', target }, effects: ['probe'] }
}

/** Ends everything that is open. */
function leave(from: FallbackState, state: FallbackState): FallbackStep {
  return { state, effects: ending(from) }
}

/** Ends everything that is open and tries again at once, with a new token. */
function restart(from: FallbackState, state: FallbackState): FallbackStep {
  return { state, effects: [...ending(from), 'renew', 'open'] }
}

function ending(from: FallbackState): FallbackEffect[] {
  if (from.is === 'probing') return ['drop', 'close']
  return from.is === 'opening' || from.is === 'up' ? ['close'] : []
}

function isActive({ is }: FallbackState): boolean {
  return is === 'opening' || is === 'up' || is === 'probing'
}

/** On a lesser transport, the reason for using it is kept. */
function why({ level, reason }: FallbackState): string | null {
  return level === 0 ? null : reason
}

function climbed({ target, reason }: FallbackState): string | null {
  return target === 0 ? null : reason
}
