import type { PoolClient } from 'pg'
import type { FailureState, ItemStatus } from './task.ts'

/** A change of the application's own tables, committed atomically with the event it belongs to. */
export type Commit = (client: PoolClient) => Promise<void>

/**
 * A report of a running task: the values that its generator yields. Created with the functions of
 * this file.
 */
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
 * Enters a stage, or advances within it. Entering is published immediately; advances are merged
 * with adjacent ones.
 * @param name - the name of the stage, such as one of the kind's `stages`
 * @param percent - of the stage, 0 to 100
 * @param message - shown to users beside the progress. Default none
 * @example
 * yield stage('upload', 40, 'Part 2 of 5')
 */
export function stage(name: string, percent = 0, message?: string): Report {
  return { is: 'advance', stage: name, stagePercent: percent, ...(message === undefined ? {} : { message }) }
}

/**
 * Advances the whole task: `percent` of the total, 0 to 100. Bursts are merged to the latest; with
 * a `commit` the report is written immediately, in the same transaction.
 * @example
 * yield advance({ percent: 40, message: 'Page 2 of 5' })
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

/**
 * Adds items with a state of their own; keys that already exist are left unchanged. A task has at most 200,000; a report that exceeds
 * this fails the task with `TOO_MANY_ITEMS`.
 *
 * Up to 500 new items are one event, which is atomic with `commit`. More are written as several events of 500, the last one with
 * `commit`: if the worker is lost in between, the next attempt finds only some of them. So declare all items in every attempt.
 * @example
 * yield declareItems(files.map(({ id, name }) => ({ key: id, label: name })))
 */
export function declareItems(
  items: readonly { readonly key: string; readonly label: string }[],
  commit?: Commit,
): Report {
  return { is: 'items', items, ...(commit === undefined ? {} : { commit }) }
}

/**
 * Reports on one item. Each state is published immediately, together with `commit`.
 * @example
 * yield item.started(file.id)
 * await convert(file, { signal })
 * yield item.completed(file.id)
 */
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
  /** Reports 0 to 100; merged with adjacent reports. */
  advanced: (key: string, percent: number): Report => ({ is: 'itemPercent', key, percent }),
} as const

/**
 * Streams a piece of text; pieces of one stream in close succession are concatenated.
 * @param stream - the name of the stream; a task may have several
 * @example
 * for await (const text of model.reply(input.question, { signal })) yield output('reply', text)
 */
export function output(stream: string, text: string): Report {
  return { is: 'output', stream, text }
}
