import type { AttemptOutcome, ItemStatus, JsonObject, TaskStatus } from '../db/tables.ts'
import type { LogEvent } from './event.ts'

/** The state of one item of a task, as written by the append. */
export interface ItemState {
  readonly key: string
  /** The item's position in the task's stable order, from 0. */
  readonly position: number
  readonly label: string
  readonly status: ItemStatus
  readonly percent: number
  readonly error: JsonObject | null
}

/** The change of a task's row that accompanies its events. Omitted fields keep their value. */
export interface TaskPatch {
  readonly status?: TaskStatus
  /** Starts an attempt: adds an entry to the task's attempts. */
  readonly attempt?: number
  /** Ends the running attempt, if any: completes the last entry of the task's attempts. */
  readonly attemptEnd?: {
    readonly outcome: AttemptOutcome
    readonly error?: JsonObject
    readonly stageMs?: Readonly<Record<string, number>>
  }
  readonly progress?: JsonObject
  readonly result?: JsonObject
  /** The error of the task; null clears an earlier error. */
  readonly error?: JsonObject | null
  readonly cancelReason?: string
  readonly worker?: string | null
  readonly leaseMs?: number
  readonly nextAttemptInMs?: number
}

/** The preconditions on a task for a request to be accepted, and the changes to it. */
export interface TaskChange {
  readonly id: string
  readonly expect: readonly TaskStatus[]
  /**
   * The fencing of the writer: the attempt and worker that it expects. Writes of an earlier attempt
   * are rejected.
   */
  readonly attempt?: number
  readonly worker?: string
  readonly set?: TaskPatch
  /** The items to add or to change. */
  readonly items?: readonly ItemState[]
  /** Whether to reset all items that are not completed or skipped, as for another attempt. Not together with `items`. */
  readonly resetItems?: boolean
}

/** Events that are appended to one topic atomically. */
export interface AppendRequest {
  readonly topic: string
  /**
   * The seq that the topic must be at. Only for the single writer of a topic: makes it safe to
   * retry the append after a broken connection.
   */
  readonly base?: number
  /** Whether to close the topic: set for terminal events. */
  readonly close?: boolean
  /**
   * At least one event. If the payload of a task's event has no `progress`, the task's progress
   * after this request is added.
   */
  readonly events: readonly { readonly type: string; readonly payload: JsonObject }[]
  readonly task?: TaskChange
  /**
   * The `traceparent` that the events carry; by default that of the append's own span, if there is
   * one.
   */
  readonly trace?: string | undefined
}

/**
 * The outcome of a request. A rejected request changes nothing and reports the state that prevented
 * it.
 */
export type AppendResult =
  | {
      readonly accepted: true
      readonly events: readonly LogEvent[]
      /** The seq of the last event. */
      readonly seq: number
      /** The epoch of the log that the events were appended in. */
      readonly epoch: string
    }
  | {
      readonly accepted: false
      /** The status and attempt of the task; null if the task does not exist. */
      readonly status: TaskStatus | null
      readonly attempt: number | null
      /** The seq of the topic; null if the topic does not exist. */
      readonly seq: number | null
    }
