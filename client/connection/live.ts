import { backoff, readRetryAfter } from '../base/backoff.ts'
import { after, hasNetwork, isVisible, watchEnvironment } from '../base/environment.ts'
import { createStore, type MutableStore } from '../base/store.ts'
import type { Timing } from '../base/timing.ts'
import type { Tokens } from '../base/tokens.ts'
import type { RequestBody, Transport, TransportConnection, TransportName } from '../transport/transport.ts'
import type { ConnectionState } from './connection-state.ts'
import { presentConnection } from './derive-state.ts'
import { createFailures } from './failure-history.ts'
import { type FallbackEvent, type FallbackState, initialFallback, stepFallback } from './fallback.ts'
import { type ConnectionEnd, type OpenConnection, openConnection } from './open-connection.ts'
import { createSubscriptions, type ResultSink, type SubscriptionOptions } from './subscriptions.ts'

/** Subscriptions that survive connection failures, over whichever transport works. */
export interface Live {
  readonly connection: MutableStore<ConnectionState>
  /**
   * Passes on the results of a subscription; those of a resumable one in order and exactly once.
   * @returns a function that ends the subscription
   */
  subscribe(body: RequestBody, sink: ResultSink, options?: SubscriptionOptions): () => void
  /** Tries again at once, with a new token. */
  reconnect(): void
  /** Called when another request has reached the server: a pause ends at once. */
  onReached(): void
  /** Closes everything. Idempotent. */
  dispose(): void
}

/** One transport and its name. */
export interface NamedTransport {
  readonly name: TransportName
  readonly transport: Transport
}

/** How many consecutive tokens may be found expired before that counts as a refusal. */
const maxExpired = 4
const signsAreToldEveryMs = 1_000
const tickMs = 500
/** While the server cannot be reached, every nth attempt tries all transports. */
const fullRoundEvery = 5
/**
 * A tick that is this late means that the device slept, or that nothing could run for that long.
 */
const jumpMs = 3_000

function sameToken(is: 'lost' | 'expired'): ConnectionEnd {
  const reason = 'The function that is asked for tokens gives the same one again'
  return is === 'lost' ? { is, kind: 'failed', reason } : { is, reason }
}

/**
 * Executes the decisions of the state machine: opens and closes connections, runs the timers,
 * requests tokens, and moves the subscriptions from one transport to the next.
 *
 * @param options.transports - the transports, best first; at least one
 */
export function createLive(options: {
  readonly transports: readonly NamedTransport[]
  readonly tokens: Tokens
  readonly timing: Timing
  /**
   * Checks with one cheap request whether the server can be reached. Resolves with the reason why
   * not, or null.
   */
  readonly findObstacle?: (signal: AbortSignal) => Promise<string | null>
}): Live {
  const { transports, tokens, timing } = options
  let state: FallbackState = initialFallback
  let main: OpenConnection | undefined
  let probe: OpenConnection | undefined
  let isDisposed = false
  let hasWorked = false
  let hasBestWorked = false
  let nextTryAt: number | null = null
  /** The time that the server asked for when it refused the last connection. */
  let retryAfterMs = 0
  let lastSignOfLifeAt: number | null = null
  let roundTripMs: number | null = null
  /** The number of tokens found expired since data last arrived, and the last of them. */
  let expiredToken: { readonly token: string | null; readonly times: number } | undefined
  /** When the last byte arrived over the connection in use. */
  let aliveAt = Date.now()
  /** When the server was asked for a sign of life; null when it has answered since. */
  let askedAt: number | null = null
  let hasSlept = false
  /**
   * When the device slept or its network changed. The silence of earlier connections does not count
   * against the transport.
   */
  let changedAt = 0
  const failures = createFailures(timing.flapWindowMs)
  /** The token for which a renewal brought no other one; the renewal is not tried again for it. */
  let renewedInVain: string | null = null
  let stopTimers: () => void = () => undefined
  let stopLinger: () => void = () => undefined
  let stopTick: (() => void) | undefined

  const subscriptions = createSubscriptions({ timing, session: () => main?.session, onCount: () => updateNeed() })
  /** Returns why the connection in use may be dead, or null. */
  const doubt = (): string | null => {
    if (hasSlept) return 'The device slept; the server is being asked whether the connection still works'
    const now = Date.now()
    if (askedAt !== null && now - askedAt > timing.answerMs)
      return 'The server does not answer; nothing came for some seconds'
    const heartbeatMs = main?.session?.heartbeatMs ?? null
    if (heartbeatMs !== null && now - aliveAt > heartbeatMs + timing.answerMs)
      return 'The event stream is silent; its heartbeat is overdue'
    return null
  }
  const present = (): ConnectionState =>
    presentConnection(state, {
      transports: transports.map(({ name }) => name),
      hasWorked,
      hasNetwork: hasNetwork(),
      nextTryAt,
      lastSignOfLifeAt,
      roundTripMs,
      doubt: doubt(),
      problem: subscriptions.problem(),
    })
  const connection = createStore(present(), () => updateNeed())

  const onByte = (at: number): void => {
    aliveAt = at
    askedAt = null
    hasSlept = false
  }
  const publish = (): void => {
    const before = connection.getSnapshot()
    const now = present()
    if ((Object.keys(now) as (keyof ConnectionState)[]).some((key) => now[key] !== before[key])) connection.set(now)
  }

  const dispatch = (event: FallbackEvent): void => {
    const step = stepFallback(state, event, transports.length)
    const isChanged = step.state !== state
    state = step.state
    for (const effect of step.effects) effects[effect]()
    if (isChanged) setTimers()
    startTick()
    publish()
  }

  const effects = {
    open: () => {
      main = openTransport(state.level)
      onByte(Date.now())
    },
    close: () => {
      subscriptions.detach()
      main?.close()
      main = undefined
      roundTripMs = null
    },
    probe: () => {
      const trial = subscriptions.trial()
      // A renewal uses the same transport, and without a subscription there is nothing to run a
      // trial with.
      const isTrial = state.target !== state.level && trial !== null
      const trialMs = isTrial ? failures.trialMs(state.target) : 0
      probe = openTransport(state.target, { trialMs, onSession: (session) => session.confirm(trial) })
    },
    drop: () => {
      probe?.close()
      probe = undefined
    },
    adopt: () => {
      const old = main
      main = probe
      probe = undefined
      roundTripMs = null
      onByte(Date.now())
      subscriptions.attach()
      old?.close()
      // The connection in use was lost during the trial of this one, which has been confirmed
      // already.
      if ((main?.confirmedAt ?? null) !== null) dispatch({ type: 'confirmed' })
    },
    renew: () => tokens.forget(),
    check: () => ask(),
  }

  const openTransport = (
    level: number,
    asProbe?: { readonly trialMs: number; readonly onSession: (session: TransportConnection) => void },
  ): OpenConnection => {
    const openedAt = Date.now()
    const { transport } = transports[level] ?? { transport: undefined }
    if (transport === undefined) throw new RangeError(`There is no transport ${level}`)
    const isMain = (): boolean => main === instance
    const { trialMs = 0 } = asProbe ?? {}
    const onProbeHeard = (): void => {
      // Opening and one response prove little: the probe must outlive the age at which the last
      // connection failed.
      if (instance.confirmedAt !== null && Date.now() - openedAt >= trialMs) dispatch({ type: 'probeConfirmed' })
    }
    const instance: OpenConnection = openConnection({
      transport,
      tokens,
      onToken({ token }) {
        if (isMain())
          return expiredToken === undefined || token !== expiredToken.token ? undefined : sameToken('expired')
        const isRenewal = state.is === 'probing' && state.target === state.level
        if (!isRenewal || token !== main?.credential.token) return undefined
        renewedInVain = token
        return sameToken('lost')
      },
      onSession(session) {
        if (asProbe !== undefined && !isMain()) asProbe.onSession(session)
        else if (!subscriptions.attach()) session.confirm(null)
      },
      onEnd(end) {
        if (end.is === 'expired') tokens.forget(instance.credential.token)
        if (isMain()) dispatch(explainEnd({ instance, level, openedAt }, end))
        else if (probe === instance) dispatch({ type: 'probeFailed', reason: end.reason })
      },
      onConfirmed() {
        hasWorked = true
        if (level === 0) hasBestWorked = true
        expiredToken = undefined
        if (probe === instance) onProbeHeard()
        else dispatch({ type: 'confirmed' })
      },
      onAlive(ms) {
        if (probe === instance) return onProbeHeard()
        if (!isMain()) return
        const now = Date.now()
        const isNews = ms !== undefined || doubt() !== null || now - (lastSignOfLifeAt ?? 0) >= signsAreToldEveryMs
        onByte(now)
        roundTripMs = ms ?? roundTripMs
        lastSignOfLifeAt = isNews ? now : lastSignOfLifeAt
        if (isNews) publish()
      },
    })
    return instance
  }

  const explainEnd = (
    {
      instance,
      level,
      openedAt,
    }: { readonly instance: OpenConnection; readonly level: number; readonly openedAt: number },
    end: ConnectionEnd,
  ): FallbackEvent => {
    const { reason } = end
    retryAfterMs = end.is === 'lost' ? readRetryAfter(end.retryAfterMs, timing.maxBackoffMs) : 0
    if (end.is === 'refused') return { type: 'refused', reason }
    if (end.is === 'lost') {
      const { kind } = end
      if (instance.confirmedAt === null) return { type: 'lost', kind, steady: false, recentSilent: 0, reason }
      const now = Date.now()
      if (kind === 'silent' && openedAt < changedAt)
        return { type: 'lost', kind: 'failed', steady: true, recentSilent: 0, reason }
      const steady = now - instance.confirmedAt > timing.steadyMs
      const recentSilent = failures.record(level, { kind, steady, lifetimeMs: now - openedAt })
      return { type: 'lost', kind, steady, recentSilent, reason }
    }
    if (!tokens.canRenew) return { type: 'refused', reason: `${reason}; there is no function to ask for another token` }
    const times = (expiredToken?.times ?? 0) + 1
    expiredToken = { token: instance.credential.token, times }
    if (times === 1) return { type: 'expired', reason }
    if (times < maxExpired) return { type: 'lost', kind: 'busy', steady: false, recentSilent: 0, reason }
    return { type: 'refused', reason: `${reason}; the function that is asked for tokens gives no other` }
  }

  /**
   * After a round in which nothing got through, one cheap request replaces trying all transports
   * and subscriptions.
   */
  const tryAgain = (stops: (() => void)[]): void => {
    const { findObstacle } = options
    retryAfterMs = 0
    // Every few attempts is a full round regardless: the request may be blocked where a transport
    // is not.
    const isFullRound = state.attempt < 2 || state.attempt % fullRoundEvery === 0
    if (findObstacle === undefined || transports.length === 1 || isFullRound) {
      dispatch({ type: 'due' })
      return
    }
    const abort = new AbortController()
    stops.push(() => abort.abort())
    nextTryAt = null
    publish()
    void findObstacle(abort.signal).then((reason) => {
      if (abort.signal.aborted) return
      dispatch(reason === null ? { type: 'due' } : { type: 'unreachable', reason })
    })
  }
  const setTimers = (): void => {
    stopTimers()
    nextTryAt = null
    const stops: (() => void)[] = []
    if (state.is === 'waiting') {
      const ms = retryAfterMs + backoff(state.attempt, timing.backoffMs, timing.maxReconnectMs, Math.random())
      nextTryAt = Date.now() + ms
      stops.push(after(ms, () => tryAgain(stops)))
    }
    if (state.is === 'up' && state.level > 0) {
      // A transport that has worked before is likely to work again soon.
      const base = hasBestWorked ? timing.backoffMs : timing.probeMs
      const ms = backoff(state.probes + 1, base, timing.maxProbeMs, 0.5 + Math.random() / 2)
      stops.push(after(ms, () => dispatch({ type: 'probeDue' }), { isIdle: true }))
    }
    const isTrial = state.is === 'probing' && state.target !== state.level
    if (isTrial) {
      // A trial can receive nothing more after its subscription ended.
      const ms = failures.trialMs(state.target) + timing.silenceMs + timing.proofMs
      const reason = 'The trial of a better transport came to nothing'
      stops.push(after(ms, () => dispatch({ type: 'probeFailed', reason }), { isIdle: true }))
    }
    const { renewAt = null, token = null } = main?.credential ?? {}
    if ((state.is === 'up' || isTrial) && renewAt !== null && token !== renewedInVain) {
      // After a failed renewal, the next one waits.
      const pauseMs = state.probes === 0 ? 0 : backoff(state.probes, timing.backoffMs, timing.maxBackoffMs, 1)
      stops.push(
        after(Math.max(pauseMs, renewAt - Date.now()), () => dispatch({ type: 'renewalDue' }), { isIdle: true }),
      )
    }
    stopTimers = () => {
      for (const stop of stops) stop()
    }
  }

  const updateNeed = (): void => {
    if (isDisposed) return
    stopLinger()
    if (subscriptions.count > 0 || connection.listeners > 0) dispatch({ type: 'wanted' })
    else if (state.is !== 'idle')
      stopLinger = after(timing.lingerMs, () => dispatch({ type: 'unwanted' }), { isIdle: true })
  }

  const ask = (): void => {
    const { session } = main ?? {}
    if (session?.canAnswer === true) askedAt ??= Date.now()
    session?.check()
  }
  const stopWatching = watchEnvironment({
    woken(isNetwork) {
      if (isNetwork) changedAt = Date.now()
      dispatch({ type: 'woken' })
    },
    wentOffline() {
      changedAt = Date.now()
      ask()
      publish()
    },
  })
  /** Performs the transitions that depend on time alone: a dead connection causes no events. */
  const tick = (dueAt: number): void => {
    stopTick = undefined
    const now = Date.now()
    const isUp = state.is === 'up' || state.is === 'probing'
    const isLate = now - dueAt > jumpMs
    if (isLate) {
      changedAt = now
      // The timers of a hidden page are late even when the device did not sleep.
      const isAnswered = main?.session?.canAnswer === true || (main?.session?.heartbeatMs ?? null) !== null
      hasSlept = isUp && isVisible() && isAnswered
      dispatch({ type: 'woken' })
    } else if (isUp && askedAt === null && now - aliveAt > timing.askMs && connection.listeners > 0 && isVisible())
      ask()
    publish()
    startTick()
  }
  const startTick = (): void => {
    if (stopTick !== undefined || state.is === 'idle' || state.is === 'closed') return
    const dueAt = Date.now() + tickMs
    stopTick = after(tickMs, () => tick(dueAt), { isIdle: true })
  }

  return {
    connection,
    subscribe: subscriptions.add,
    onReached() {
      if (state.is === 'waiting' && state.attempt >= 2 && retryAfterMs === 0) dispatch({ type: 'due' })
    },
    reconnect() {
      expiredToken = undefined
      renewedInVain = null
      if (!isDisposed) dispatch({ type: 'reconnect' })
    },
    dispose() {
      if (isDisposed) return
      isDisposed = true
      stopWatching()
      stopTick?.()
      stopLinger()
      dispatch({ type: 'disposed' })
      stopTimers()
      subscriptions.dispose()
    },
  }
}
