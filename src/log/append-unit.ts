import type { AttemptOutcome, ItemStatus, JsonObject, TaskStatus } from '../db/tables.ts'
import type { LogEvent } from './event.ts'

/** The state of one part of a task, as the append writes it. */
export interface ItemState {
  readonly key: string
  /** Its place in the task's stable order, from 0. */
  readonly position: number
  readonly label: string
  readonly status: ItemStatus
  readonly percent: number
  readonly error: JsonObject | null
}

/** The change of a task's row that goes with its events. What is left out stays as it is. */
export interface TaskPatch {
  readonly status?: TaskStatus
  /** Begins an execution: adds an entry to the task's attempts. */
  readonly attempt?: number
  /** Ends the execution under way, if there is one: completes the last entry of the task's attempts. */
  readonly attemptEnd?: { readonly outcome: AttemptOutcome; readonly error?: JsonObject }
  readonly progress?: JsonObject
  readonly result?: JsonObject
  /** null takes an earlier error away. */
  readonly error?: JsonObject | null
  readonly cancelReason?: string
  readonly worker?: string | null
  readonly leaseMs?: number
  readonly nextAttemptInMs?: number
}

/** What must be true of a task for a unit to be accepted, and what becomes of it. */
export interface TaskChange {
  readonly id: string
  readonly expect: readonly TaskStatus[]
  /** The writer's fence: the attempt and the worker it believes in. Late words of an earlier attempt are refused. */
  readonly attempt?: number
  readonly worker?: string
  readonly set?: TaskPatch
  readonly items?: readonly ItemState[]
}

/** Events that enter one topic together or not at all. */
export interface AppendUnit {
  readonly topic: string
  /** The seq the topic must be at. For the only writer of a topic: makes repeating the append after a broken connection safe. */
  readonly base?: number
  /** Nothing can follow: set for terminal events. */
  readonly close?: boolean
  /** At least one. A task's event without `progress` in its payload gets the task's, as the unit leaves it. */
  readonly events: readonly { readonly type: string; readonly payload: JsonObject }[]
  readonly task?: TaskChange
  /** The `traceparent` that the events carry along; of the append's own span where there is one. */
  readonly trace?: string | undefined
}

/** What became of a unit. A refusal changes nothing and says what stood in the way. */
export type Appended =
  | { readonly accepted: true; readonly events: readonly LogEvent[]; readonly seq: number }
  | {
      readonly accepted: false
      /** The task's status and attempt; null when there is no such task. */
      readonly status: TaskStatus | null
      readonly attempt: number | null
      /** The topic's seq; null when there is no such topic. */
      readonly seq: number | null
    }
