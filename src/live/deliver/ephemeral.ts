import type { TopicUpdate } from '../../log/follow.ts'
import type { EphemeralSource } from '../execute/topic-field.ts'
import type { Payload } from './frames.ts'
import { isReady, type PayloadOrPromise } from './payload-execution.ts'

/**
 * Ephemeral events of one topic. Subscribes while they are needed and retains the latest event for
 * late joiners.
 */
export interface EphemeralEvents<S> {
  /** See {@link EphemeralSource.isRetained}. */
  readonly isRetained: boolean
  /** Subscribes when they are needed: called when the group has its first member. */
  begin(): void
  /** Subscribes or unsubscribes, depending on whether they are needed after this update. */
  onUpdate(update: TopicUpdate<S>): void
  /** Unsubscribes and drops the retained event. */
  stop(): void
  /**
   * Reads the event that is valid now and renders it for a subscriber that has received everything
   * up to `at`; undefined if there is none.
   */
  read(at: number): Promise<Payload | undefined>
  /**
   * Drops the retained event after the topic has continued from another seq; re-emits it there if
   * it remains valid.
   */
  reset(): void
  /**
   * Returns the payload of the latest ephemeral event that is due for a subscriber that has
   * received everything up to `at`.
   */
  latestFor(at: number): Payload | undefined
}

/** The group that receives the ephemeral events. */
export interface EphemeralGroup {
  /** The seq of the newest event received; 0 if unknown. */
  readonly head: number
  /** Whether `head` is of a former epoch of the log: nothing may be emitted until the reset that follows. */
  readonly isFormer: boolean
  executeEphemeral(value: unknown): PayloadOrPromise
  /** Writes the payload to all members, after the pending ones. */
  addEphemeral(payload: PayloadOrPromise, seq: number): void
  isPending(payload: Payload): boolean
}

/** Creates the ephemeral events of a group's topic. */
export function createEphemeralEvents<S>(source: EphemeralSource<S>, group: EphemeralGroup): EphemeralEvents<S> {
  return new TopicEphemeralEvents(source, group)
}

/** A class rather than a closure: there is one instance per group. */
class TopicEphemeralEvents<S> implements EphemeralEvents<S> {
  readonly source: EphemeralSource<S>
  readonly #group: EphemeralGroup
  #stopListening: (() => void) | undefined
  #hasBegun = false
  #isWanted: boolean
  #last: { readonly seq: number; readonly payload: Payload; readonly event: unknown } | undefined

  constructor(source: EphemeralSource<S>, group: EphemeralGroup) {
    this.source = source
    this.#group = group
    this.#isWanted = source.isWanted
  }

  get isRetained(): boolean {
    return this.source.isRetained === true
  }

  begin(): void {
    this.#hasBegun = true
    if (this.#isWanted) this.#listen()
  }

  onUpdate(update: TopicUpdate<S>): void {
    this.#isWanted = this.source.isWantedAfter(update)
    if (!this.#isWanted) this.stop()
    else if (this.#hasBegun) this.#listen()
  }

  async read(at: number): Promise<Payload | undefined> {
    if (!this.#isWanted) return undefined
    const event = await this.source.read()
    return event === undefined ? undefined : this.#execute(event, at)
  }

  stop(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
    this.#last = undefined
  }

  reset(): void {
    const last = this.#last
    // Nothing may be emitted at a seq that no longer exists: a subscriber at that seq would skip
    // the events that replace it.
    this.#last = undefined
    if (last !== undefined && this.isRetained) this.#take(last.event)
  }

  latestFor(at: number): Payload | undefined {
    const last = this.#last
    // A pending payload will be written with the others.
    if (last === undefined || this.#group.isFormer || this.#group.isPending(last.payload)) return undefined
    if (last.seq >= at) return last.payload
    if (!this.isRetained) return undefined
    const payload = this.#execute(last.event, at)
    return isReady(payload) ? payload : undefined
  }

  #execute(event: unknown, seq: number): PayloadOrPromise {
    return this.#group.executeEphemeral(this.source.toValue(event, seq))
  }

  #listen(): void {
    this.#stopListening ??= this.source.watch((event) => this.#take(event))
  }

  #take(event: unknown): void {
    const { head } = this.#group
    if (head === 0) return
    const payload = this.#execute(event, head)
    // Retained for late joiners; an asynchronous payload is not worth it.
    this.#last = isReady(payload) ? { seq: head, payload, event: event } : undefined
    if (!this.#group.isFormer) this.#group.addEphemeral(payload, head)
  }
}
