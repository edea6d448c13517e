import type { SubscriberKind } from '../history/history.ts'
import type { Random } from '../rig/random.ts'
import type { Recorder } from '../rig/recorder.ts'
import type { WatchedTopic } from './documents.ts'

/** What a client of the rig is created with. */
export interface SubscriberOptions {
  readonly kind: SubscriberKind
  /** Unique, and part of the names of its subscriptions. */
  readonly name: string
  /** Base addresses of the servers, behind the proxies. */
  readonly urls: readonly string[]
  readonly nginxUrl: string
  readonly recorder: Recorder
  readonly random: Random
}

/** One client that follows many topics. */
export interface SubscriberClient extends AsyncDisposable {
  readonly kind: SubscriberKind
  readonly name: string
  /** Follows a topic to its end, and records everything. @returns a function that unsubscribes */
  watch(sub: string, topic: WatchedTopic): () => void
}

/** Resolves after a time, and does not keep the process alive. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
