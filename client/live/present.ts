import type { ConnectionState, ConnectionStatus } from './connection.ts'
import type { LadderState } from './ladder.ts'
import type { TransportName } from './options.ts'

/** What is known beside the ladder. */
export interface Observed {
  readonly rungs: readonly TransportName[]
  /** Whether anything has ever come through. */
  readonly hasWorked: boolean
  readonly hasNetwork: boolean
  readonly nextTryAt: number | null
  readonly lastSignOfLifeAt: number | null
  readonly roundTripMs: number | null
}

/** What the ladder's state means to people. */
export function presentConnection(state: LadderState, observed: Observed): ConnectionState {
  const { rungs, nextTryAt, lastSignOfLifeAt, roundTripMs } = observed
  const hasTransport = state.is === 'opening' || state.is === 'up' || state.is === 'probing'
  const transport = hasTransport ? (rungs[state.rung] ?? null) : null
  return {
    status: statusOf(state, transport, observed),
    transport,
    attempt: state.attempt,
    nextTryAt,
    lastSignOfLifeAt,
    roundTripMs,
    reason: reasonOf(state, transport, observed),
  }
}

function statusOf(state: LadderState, transport: TransportName | null, observed: Observed): ConnectionStatus {
  switch (state.is) {
    case 'closed':
      return 'closed'
    case 'idle':
      return 'connecting'
    case 'up':
    case 'probing':
      // Polling is never live, also where nothing else was asked for.
      return state.rung === 0 && transport !== 'polling' ? 'live' : 'degraded'
    case 'opening':
    case 'waiting':
      if (!observed.hasNetwork) return 'offline'
      return observed.hasWorked || state.attempt > 0 ? 'reconnecting' : 'connecting'
  }
}

function reasonOf(state: LadderState, transport: TransportName | null, { rungs, hasNetwork }: Observed): string | null {
  if (state.is === 'idle') return 'Connects when something is watched'
  if ((state.is === 'opening' || state.is === 'waiting') && !hasNetwork) return 'This device has no network'
  if (state.reason === null && transport === 'polling' && rungs.length === 1) return 'Live updates are turned off'
  return state.reason
}
