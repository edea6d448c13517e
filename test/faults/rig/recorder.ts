import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import type { Entry, Subscribed } from '../history/history.ts'
import {
  type DeliveredFields,
  describeState,
  isTerminal,
  readDelivered,
  type TaskStateFields,
} from '../history/payload.ts'

/** A result of a subscription, as a client delivers it. */
export interface SubscriptionResult {
  readonly data?: unknown
  readonly errors?: readonly { readonly message: string; readonly extensions?: Readonly<Record<string, unknown>> }[]
  readonly extensions?: Readonly<Record<string, unknown>> | undefined
}

/** Records what clients observe, in memory for the checker and as JSON lines in a file. */
export interface Recorder extends AsyncDisposable {
  readonly entries: readonly Entry[]
  /** The number of open subscriptions. */
  readonly open: number
  /** The largest number of subscriptions that were open at once. */
  readonly mostOpen: number
  add(entry: Entry): void
  subscribed(subscription: Omit<Subscribed, 'is' | 'at'>): void
  connected(sub: string): void
  /** Records a result. @returns the cursor to resume from; undefined for an error */
  result(sub: string, result: SubscriptionResult): string | undefined
  ended(sub: string, how: 'complete' | 'error' | 'stopped', error?: string): void
}

const finalStatuses = new Set(['COMPLETED', 'FAILED', 'CANCELED'])

/** Creates a recorder. @param file - the path of the JSON lines; undefined to write none */
export function createRecorder(file: string | undefined): Recorder {
  const entries: Entry[] = []
  const open = new Set<string>()
  let mostOpen = 0
  const stream: WriteStream | undefined = file === undefined ? undefined : createWriteStream(file)
  const add = (entry: Entry): void => {
    entries.push(entry)
    stream?.write(`${JSON.stringify(entry)}\n`)
  }
  const ended: Recorder['ended'] = (sub, how, error) => {
    if (!open.delete(sub)) return
    add({ is: 'ended', sub, at: performance.now(), how, ...(error === undefined ? {} : { error }) })
  }
  return {
    entries,
    get open() {
      return open.size
    },
    get mostOpen() {
      return mostOpen
    },
    add,
    subscribed(subscription) {
      open.add(subscription.sub)
      mostOpen = Math.max(mostOpen, open.size)
      add({ is: 'subscribed', at: performance.now(), ...subscription })
    },
    connected(sub) {
      if (open.has(sub)) add({ is: 'connected', sub, at: performance.now() })
    },
    result(sub, { data, errors, extensions }) {
      const [event] = Object.values((data ?? {}) as Record<string, DeliveredFields | null>)
      if (event === undefined || event === null) {
        ended(sub, 'error', describeErrors(errors))
        return undefined
      }
      if (!open.has(sub)) return event.cursor
      const { seq, cursor, __typename: type } = event
      const base = { is: 'delivered', sub, at: performance.now(), seq, type, cursor } as const
      const follows = (extensions?.['tidings'] as { readonly follows?: number } | undefined)?.follows
      if (type.endsWith('Snapshot')) {
        const task = event['task'] as TaskStateFields | undefined
        const snapshot = {
          reason: String(event['reason']),
          state: task === undefined ? '' : describeState(task),
          isFinal: finalStatuses.has(task?.status ?? ''),
        }
        add({ ...base, digest: '', snapshot })
      } else add({ ...base, ...readDelivered(event), ...(follows === undefined ? {} : { follows }) })
      return cursor
    },
    ended,
    async [Symbol.asyncDispose]() {
      if (stream === undefined) return
      stream.end()
      await once(stream, 'finish')
    },
  }
}

/** Returns the errors of a result as text. */
export function describeErrors(errors: SubscriptionResult['errors']): string {
  return (errors ?? []).map(({ message, extensions }) => `${String(extensions?.['code'])}: ${message}`).join('; ')
}

/** Whether the server says that an operation may be repeated later. */
export function isRetryable(errors: SubscriptionResult['errors']): boolean {
  return (
    errors !== undefined && errors.length > 0 && errors.every(({ extensions }) => extensions?.['retryable'] === true)
  )
}

/** Whether nothing can follow a delivered event. */
export function isLastResult({ data }: SubscriptionResult): boolean {
  const [event] = Object.values((data ?? {}) as Record<string, DeliveredFields | null>)
  if (event === undefined || event === null) return false
  const state = event['task'] as TaskStateFields | undefined
  return isTerminal(event.__typename) || (event.__typename === 'TaskSnapshot' && finalStatuses.has(state?.status ?? ''))
}
