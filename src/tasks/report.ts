import type { PoolClient } from 'pg'
import type { FailureState, ItemStatus } from './task.ts'

/** A change of the application's own tables that is committed together with the event it belongs to, or not at all. */
export type Commit = (client: PoolClient) => Promise<void>

/** What a task tells while it runs: the values that its generator yields. Made with the functions of this file. */
export type Report =
  | {
      readonly is: 'advance'
      readonly stage?: string
      readonly percent?: number
      readonly stagePercent?: number
      readonly message?: string | null
      readonly commit?: Commit
    }
  | {
      readonly is: 'items'
      readonly items: readonly { readonly key: string; readonly label: string }[]
      readonly commit?: Commit
    }
  | {
      readonly is: 'item'
      readonly key: string
      readonly status: Exclude<ItemStatus, 'PENDING'>
      readonly error?: FailureState
      readonly commit?: Commit
    }
  | { readonly is: 'itemPercent'; readonly key: string; readonly percent: number }
  | { readonly is: 'output'; readonly stream: string; readonly text: string }

/**
 * Enters a stage, or advances within it. Entering is told at once; advancing is merged with its neighbours.
 * @param percent - of the stage, 0 to 100
 */
export function stage(name: string, percent = 0, message?: string): Report {
  return { is: 'advance', stage: name, stagePercent: percent, ...(message === undefined ? {} : { message }) }
}

/**
 * Advances the whole task: `percent` of all, 0 to 100. Bursts are merged to the newest; with a `commit` it is written at once,
 * together with it.
 */
export function advance(change: {
  readonly stage?: string
  readonly percent?: number
  readonly stagePercent?: number
  readonly message?: string | null
  readonly commit?: Commit
}): Report {
  return { is: 'advance', ...change }
}

/** Adds parts that have a state of their own; keys already known are left as they are. */
export function declareItems(
  items: readonly { readonly key: string; readonly label: string }[],
  commit?: Commit,
): Report {
  return { is: 'items', items, ...(commit === undefined ? {} : { commit }) }
}

/** Reports on one part. Each state is told at once, together with `commit`. */
export const item = {
  started: (key: string, commit?: Commit): Report => ({
    is: 'item',
    key,
    status: 'RUNNING',
    ...(commit && { commit }),
  }),
  completed: (key: string, commit?: Commit): Report => ({
    is: 'item',
    key,
    status: 'COMPLETED',
    ...(commit && { commit }),
  }),
  failed: (key: string, error: FailureState, commit?: Commit): Report => ({
    is: 'item',
    key,
    status: 'FAILED',
    error,
    ...(commit && { commit }),
  }),
  skipped: (key: string, commit?: Commit): Report => ({
    is: 'item',
    key,
    status: 'SKIPPED',
    ...(commit && { commit }),
  }),
  /** 0 to 100; merged with its neighbours. */
  advanced: (key: string, percent: number): Report => ({ is: 'itemPercent', key, percent }),
} as const

/** A piece of text as it is produced; pieces of one stream that come close together are concatenated. */
export function output(stream: string, text: string): Report {
  return { is: 'output', stream, text }
}
