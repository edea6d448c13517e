import type { TransportName } from '../transport/transport.ts'
import type { ConnectionState, ConnectionStatus } from './connection-state.ts'
import type { FallbackState } from './fallback.ts'

/** Observations outside the state machine. */
interface Observed {
  readonly transports: readonly TransportName[]
  /** Whether data has ever arrived. */
  readonly hasWorked: boolean
  readonly hasNetwork: boolean
  readonly nextTryAt: number | null
  readonly lastSignOfLifeAt: number | null
  readonly roundTripMs: number | null
  /** Why the connection may be dead; null when it was heard recently or has not been asked. */
  readonly doubt: string | null
  /** Why a subscription is served worse than the transport allows; null when none is. */
  readonly problem: string | null
}

/** Converts the state of the state machine to the public connection state. */
export function presentConnection(state: FallbackState, observed: Observed): ConnectionState {
  const { transports, nextTryAt, lastSignOfLifeAt, roundTripMs } = observed
  const hasTransport = state.is === 'opening' || state.is === 'up' || state.is === 'probing'
  const transport = hasTransport ? (transports[state.level] ?? null) : null
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

function statusOf(state: FallbackState, transport: TransportName | null, observed: Observed): ConnectionStatus {
  switch (state.is) {
    case 'closed':
      return 'closed'
    case 'idle':
      return 'connecting'
    case 'up':
    case 'probing':
      if (observed.doubt !== null) return observed.hasNetwork ? 'reconnecting' : 'offline'
      // Polling is never live, even as the only allowed transport.
      return state.level === 0 && transport !== 'polling' && observed.problem === null ? 'live' : 'degraded'
    case 'opening':
    case 'waiting':
      if (!observed.hasNetwork) return 'offline'
      return observed.hasWorked || state.attempt > 0 ? 'reconnecting' : 'connecting'
  }
}

function reasonOf(state: FallbackState, transport: TransportName | null, observed: Observed): string | null {
  const { transports, hasNetwork, doubt, problem } = observed
  const isUp = state.is === 'up' || state.is === 'probing'
  if (isUp && doubt !== null) return hasNetwork ? doubt : 'This device has no network'
  if (isUp && problem !== null) return problem
  if (state.is === 'idle') return 'Connects when something is watched'
  if ((state.is === 'opening' || state.is === 'waiting') && !hasNetwork) return 'This device has no network'
  if (state.reason === null && transport === 'polling' && transports.length === 1) return 'Live updates are turned off'
  return state.reason
}
