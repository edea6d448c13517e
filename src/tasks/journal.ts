import type { Database } from '../db/connect.ts'
import type { AttemptOutcome, JsonObject } from '../db/tables.ts'
import { isTidingsError, TidingsError } from '../errors.ts'
import type { Appender } from '../log/append.ts'
import type { AppendUnit, TaskPatch } from '../log/append-unit.ts'
import { appendWith } from './append-with.ts'
import { type Entry, entryOf } from './journal-entry.ts'
import { createOutputBuffer } from './output.ts'
import { type AttemptState, isBatchDone, reduceReport } from './progress.ts'
import type { Commit, Report } from './report.ts'
import { storableReport } from './storable.ts'
import { type ProgressState, type TaskEventType, type TaskItem, type TaskStatus, taskTopic } from './task.ts'

/** Writes down what one attempt reports. The attempt's only writer, so its reports enter the log in the order they were made. */
export interface Journal {
  /** What the attempt has reported so far. */
  readonly state: AttemptState
  /**
   * Takes a report. Bursts of *latest* and *append* reports are merged within the window and written in the background;
   * for stages, items and commits it resolves when they are in the log.
   * @throws TidingsError `LEASE_LOST` when the attempt is no longer the task's, from then on always; what a commit throws,
   * and what stopped a write in the background, once: neither the report nor its commit has happened then
   */
  report(report: Report): Promise<void>
  /**
   * Writes what is pending and then the words that end the attempt, in one transaction with `commit`.
   *
   * `outcome` is what the task's attempts say of it: by default `COMPLETED` when the status is, otherwise `FAILED`.
   * @throws like {@link Journal.report}; the attempt has not ended then, and may be ended with other words
   */
  end(ending: {
    readonly type: TaskEventType
    readonly status: TaskStatus
    readonly outcome?: AttemptOutcome
    readonly payload?: JsonObject
    readonly set?: TaskPatch
    readonly close?: boolean
    readonly commit?: Commit | undefined
  }): Promise<void>
  /** Stops the timer and waits for what is being written; what is pending is dropped. */
  close(): Promise<void>
}

/** UTF-16 units of text that may wait for the log before the task has to. */
const maxPendingText = 65_536
/** A task that reports without ever waiting must let timers and sockets have their turn. */
const reportsPerTurn = 64

/**
 * Creates the journal of one attempt.
 *
 * @param options.seq - where the task's topic stands
 * @param options.coalesceMs - the window in which bursts are merged; the first report after a pause is written at once
 * @param options.estimate - the remaining milliseconds at a progress; null when there is nothing to estimate from
 */
export function createJournal(options: {
  readonly taskId: string
  readonly attempt: number
  readonly worker: string
  readonly seq: number
  readonly state: AttemptState
  readonly stages: Readonly<Record<string, number>> | undefined
  readonly database: Database
  readonly appender: Appender
  readonly leaseMs: number
  readonly coalesceMs: number
  readonly estimate: (progress: ProgressState) => number | null
}): Journal {
  const { taskId, attempt, worker, stages, database, appender, leaseMs, coalesceMs, estimate } = options
  const topic = taskTopic(taskId)
  let state = options.state
  let seq = options.seq
  let isAdvancePending = false
  let isBatchTold = isBatchDone(state.progress)
  let isClosed = false
  let pendingItems = new Map<string, TaskItem>()
  const pendingOutput = createOutputBuffer()
  let chain: Promise<void> = Promise.resolve()
  /** What stopped a write that nobody waited for. */
  let failure: { readonly error: unknown } | undefined
  let timer: NodeJS.Timeout | undefined
  let isWritingPending = false
  let lastWriteAt = Number.NEGATIVE_INFINITY
  let sinceTurn = 0

  const progressOf = ({ progress }: AttemptState): ProgressState => ({ ...progress, remainingMs: estimate(progress) })

  const takePending = (progress: ProgressState, isEnd: boolean): Entry => {
    const events: Entry['events'][number][] = pendingOutput.take(isEnd).map((piece) => ({
      type: 'TaskOutput',
      payload: { status: 'RUNNING', progress, ...piece },
    }))
    // Every event tells the progress: beside text, an advance of its own would say nothing new.
    if (isAdvancePending && events.length === 0)
      events.push({ type: 'TaskAdvanced', payload: { status: 'RUNNING', progress } })
    const items = [...pendingItems.values()]
    isAdvancePending = false
    pendingItems = new Map()
    return { events, items }
  }

  const appendEntry = async (entry: Entry, progress: ProgressState): Promise<void> => {
    const unit: AppendUnit = {
      topic,
      base: seq,
      events: entry.events,
      ...(entry.close ? { close: true } : {}),
      task: {
        id: taskId,
        expect: ['RUNNING'],
        attempt,
        worker,
        // Whoever writes is alive: every word renews the lease.
        set: { progress: { ...progress }, leaseMs, ...entry.set },
        ...(entry.items && entry.items.length > 0 ? { items: entry.items } : {}),
      },
    }
    const { commit } = entry
    const appended =
      commit === undefined ? await appender.append(unit) : await appendWith({ database, appender }, unit, commit)
    if (!appended.accepted)
      throw new TidingsError(
        'LEASE_LOST',
        `Attempt ${attempt} of task "${taskId}" is no longer the one: it is ${appended.status ?? 'gone'}, attempt ${appended.attempt ?? '?'}`,
      )
    seq = appended.seq
  }

  /** Throws what stopped an earlier write: a lost lease again and again, anything else once. */
  const rethrow = (): void => {
    if (failure === undefined) return
    const { error } = failure
    if (!isTidingsError(error, 'LEASE_LOST')) failure = undefined
    throw error
  }

  /**
   * Writes what is pending and then an entry, after everything that was asked for before.
   * @param before - the state without the entry's report, which is not to be told should the entry's commit throw
   */
  const write = (entryAt?: (progress: ProgressState) => Entry, before?: AttemptState): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const step = chain.then(async () => {
      rethrow()
      const progress = progressOf(state)
      const own = entryAt?.(progress)
      const pending = takePending(progress, own?.set?.status !== undefined)
      if (own === undefined && pending.events.length === 0) return
      lastWriteAt = performance.now()
      if (own === undefined) return appendEntry(pending, progress)
      // An event of its own tells the progress as well: the pending advance would say the same.
      const texts = pending.events.filter(({ type }) => type === 'TaskOutput')
      const items = [...(pending.items ?? []), ...(own.items ?? [])]
      if (own.commit === undefined || texts.length === 0)
        return appendEntry({ ...own, events: [...texts, ...own.events], items }, progress)
      // Streamed text must not go down with a commit that throws.
      const progressBefore = before === undefined ? progress : progressOf(before)
      await appendEntry(
        { events: texts.map(({ type, payload }) => ({ type, payload: { ...payload, progress: progressBefore } })) },
        progressBefore,
      )
      return appendEntry({ ...own, items }, progress)
    })
    chain = step.catch((error: unknown) => {
      if (isTidingsError(error, 'LEASE_LOST')) failure ??= { error }
    })
    return step
  }

  const writeSoon = (): void => {
    // One at a time: while the record is slow, what comes is merged and not queued.
    if (timer !== undefined || isWritingPending || isClosed) return
    const delayMs = Math.max(0, lastWriteAt + coalesceMs - performance.now())
    timer = setTimeout(() => {
      isWritingPending = true
      write()
        .catch((error: unknown) => {
          // Thrown at the next report.
          failure ??= { error }
        })
        .finally(() => {
          isWritingPending = false
          if (failure === undefined && (isAdvancePending || pendingOutput.length > 0)) writeSoon()
        })
    }, delayMs)
  }

  return {
    get state() {
      return state
    },
    async report(told) {
      rethrow()
      const report = storableReport(told)
      const before = state
      state = reduceReport(state, report, stages)
      const entry = entryOf(report, before, state, isBatchTold)
      if (entry !== undefined) {
        if (report.is === 'item') pendingItems.delete(report.key)
        try {
          await write(entry, before)
          isBatchTold = (isBatchTold && report.is !== 'items') || isBatchDone(state.progress)
        } catch (error) {
          // It has not happened: what ends the attempt must not tell of it.
          state = before
          throw error
        }
        return
      }
      if (report.is === 'itemPercent') {
        const item = state.items.get(report.key)
        if (item !== undefined) pendingItems.set(report.key, item)
      }
      if (report.is === 'output') pendingOutput.add(report.stream, report.text)
      else isAdvancePending = true
      if (pendingOutput.length > maxPendingText) return write()
      writeSoon()
      if (++sinceTurn >= reportsPerTurn) {
        sinceTurn = 0
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    end({ type, status, outcome, payload = {}, set = {}, close = false, commit }) {
      const attemptEnd = attemptEndOf(outcome ?? (status === 'COMPLETED' ? 'COMPLETED' : 'FAILED'), set)
      return write((progress) => {
        const last: ProgressState = {
          ...progress,
          remainingMs: null,
          ...(status === 'COMPLETED' ? { percent: 100 } : {}),
        }
        return {
          events: [{ type, payload: { status, progress: last, ...payload } }],
          set: { status, progress: { ...last }, worker: null, attemptEnd, ...set },
          commit,
          close,
        }
      })
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      await chain
    },
  }
}

function attemptEndOf(outcome: AttemptOutcome, { error }: TaskPatch): NonNullable<TaskPatch['attemptEnd']> {
  const hasError = outcome === 'FAILED' || outcome === 'WORKER_LOST'
  return { outcome, ...(hasError && error ? { error } : {}) }
}
