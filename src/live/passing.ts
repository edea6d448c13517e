import type { Followed } from '../log/follow.ts'
import type { PassingReports } from './field.ts'
import type { Payload } from './frames.ts'
import { isReady, type Rendering } from './rendering.ts'

/** Reports of what passes in one topic: heard while they are wanted, the last one kept for those who join. */
export interface Passing<S> {
  /** See {@link PassingReports.isStanding}. */
  readonly isStanding: boolean
  /** Begins to listen, if they are wanted of a topic of which nothing has been seen. */
  begin(): void
  /** Listens from now on, or no longer: whichever is wanted after this event. */
  heed(followed: Followed<S>): void
  /** Stops listening, and forgets the last one. */
  stop(): void
  /** The topic goes on from another seq: what stands is told from there. */
  goOn(): void
  /** What of the last report is due to somebody who has everything up to `at`. */
  due(at: number): Payload | undefined
}

/** The group that reports are told to. */
export interface PassingGroup {
  /** The seq of the newest event that has come in; 0 when it is not known. */
  readonly head: number
  renderPassing(report: unknown, seq: number): Rendering
  /** Writes it to all members, after what is pending. */
  addPassing(payload: Rendering, seq: number): void
  isPending(payload: Payload): boolean
}

/** Creates the reports of a group's topic. */
export function createPassing<S>(reports: PassingReports<S>, group: PassingGroup): Passing<S> {
  return new TopicPassing(reports, group)
}

/** A class, against the custom of the house: there is one for each group. */
class TopicPassing<S> implements Passing<S> {
  readonly #reports: PassingReports<S>
  readonly #group: PassingGroup
  #stopListening: (() => void) | undefined
  #last: { readonly seq: number; readonly payload: Payload; readonly report: unknown } | undefined

  constructor(reports: PassingReports<S>, group: PassingGroup) {
    this.#reports = reports
    this.#group = group
  }

  get isStanding(): boolean {
    return this.#reports.isStanding === true
  }

  begin(): void {
    if (this.#reports.isWanted) this.#listen()
  }

  heed(followed: Followed<S>): void {
    if (this.#reports.isWantedAfter(followed)) this.#listen()
    else this.stop()
  }

  stop(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
    this.#last = undefined
  }

  goOn(): void {
    const last = this.#last
    // Nothing may be told at a seq that is gone: whoever is there then would pass over what comes instead.
    this.#last = undefined
    if (last !== undefined && this.isStanding) this.#take(last.report)
  }

  due(at: number): Payload | undefined {
    const last = this.#last
    // What is pending will be written with the rest.
    if (last === undefined || this.#group.isPending(last.payload)) return undefined
    if (last.seq >= at) return last.payload
    if (!this.isStanding) return undefined
    const payload = this.#group.renderPassing(last.report, at)
    return isReady(payload) ? payload : undefined
  }

  #listen(): void {
    this.#stopListening ??= this.#reports.watch((report) => this.#take(report))
  }

  #take(report: unknown): void {
    const { head } = this.#group
    if (head === 0) return
    const payload = this.#group.renderPassing(report, head)
    // Kept for those who join later; what has to wait is not worth it.
    this.#last = isReady(payload) ? { seq: head, payload, report } : undefined
    this.#group.addPassing(payload, head)
  }
}
