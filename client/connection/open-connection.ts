import type { Credential, Tokens } from '../base/tokens.ts'
import { messageOf } from '../transport/http.ts'
import type { LossKind, Transport, TransportConnection } from '../transport/transport.ts'

/** How a connection ended without being closed by the client. */
export type ConnectionEnd =
  | {
      readonly is: 'lost'
      readonly kind: LossKind
      readonly reason: string
      /** The time that the server asks the client to wait. */
      readonly retryAfterMs?: number | undefined
    }
  | { readonly is: 'expired'; readonly reason: string }
  | { readonly is: 'refused'; readonly reason: string }

/**
 * A connection with the token it was opened with. `session` is undefined while the token is being
 * requested.
 */
export interface OpenConnection {
  readonly session: TransportConnection | undefined
  readonly credential: Credential
  /** When it was confirmed; null before. */
  readonly confirmedAt: number | null
  /** Closes it without calling any listener. Idempotent. */
  close(): void
}

/**
 * Opens a connection: requests the token, then opens the transport with it. No listener is called
 * before this function has returned, nor after the end.
 */
export function openConnection(options: {
  readonly transport: Transport
  readonly tokens: Tokens
  /** Checks the token before it is used. @returns an end, when using the token is pointless */
  readonly onToken: (credential: Credential) => ConnectionEnd | undefined
  readonly onSession: (session: TransportConnection) => void
  readonly onConfirmed: () => void
  readonly onAlive: (roundTripMs: number | undefined) => void
  readonly onEnd: (end: ConnectionEnd) => void
}): OpenConnection {
  const { transport, tokens, onToken, onSession, onConfirmed, onAlive, onEnd } = options
  let session: TransportConnection | undefined
  let credential: Credential = { token: null, renewAt: null, userId: null }
  let confirmedAt: number | null = null
  let isOver = false

  const end = (reason: ConnectionEnd): void => {
    if (isOver) return
    isOver = true
    session?.close()
    onEnd(reason)
  }
  const open = async (): Promise<void> => {
    try {
      credential = await tokens.get()
    } catch (error) {
      return end({ is: 'lost', kind: 'busy', reason: `The token is unavailable: ${messageOf(error)}` })
    }
    if (isOver) return
    const pointless = onToken(credential)
    if (pointless !== undefined) return end(pointless)
    session = transport(
      {
        confirmed() {
          confirmedAt = Date.now()
          if (!isOver) onConfirmed()
        },
        alive: (roundTripMs) => (isOver ? undefined : onAlive(roundTripMs)),
        lost: (kind, reason, retryAfterMs) => end({ is: 'lost', kind, reason, retryAfterMs }),
        expired: (reason) => end({ is: 'expired', reason }),
        refused: (reason) => end({ is: 'refused', reason }),
      },
      credential.token,
    )
    onSession(session)
  }
  const connection: OpenConnection = {
    get session() {
      return isOver ? undefined : session
    },
    get credential() {
      return credential
    },
    get confirmedAt() {
      return confirmedAt
    },
    close() {
      isOver = true
      session?.close()
    },
  }
  // Deferred until the caller holds the connection, so that it can distinguish its connections in
  // the listeners.
  void Promise.resolve().then(open)
  return connection
}
