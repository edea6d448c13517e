import { createKeyedQueue } from '../../async/keyed-queue.ts'
import type { Database } from '../../db/connect.ts'
import type { AttemptOutcome, JsonObject } from '../../db/tables.ts'
import { isTidingsError, TidingsError } from '../../errors.ts'
import type { Appender } from '../../log/append.ts'
import type { AppendRequest, TaskPatch } from '../../log/append-request.ts'
import { appendWith } from '../model/append-with.ts'
import { type AttemptState, divideItems, isBatchDone, reduceReport } from '../model/progress.ts'
import type { Commit, Report } from '../model/report.ts'
import { storableReport } from '../model/storable.ts'
import { type ProgressState, type TaskEventType, type TaskItem, type TaskStatus, taskTopic } from '../model/task.ts'
import { entryOf, type JournalEntry } from './journal-entry.ts'
import { createOutputBuffer } from './output-buffer.ts'

/**
 * Writes the reports of one attempt. It is the attempt's only writer, so reports enter the log in
 * the order they were made.
 */
export interface Journal {
  /** The state folded from the attempt's reports so far. */
  readonly state: AttemptState
  /**
   * Accepts a report. Bursts of *latest* and *append* reports are merged within the window and
   * written in the background; for stages, items and commits the promise resolves when they are in
   * the log. More than 500 new items are written as several events, the last together with the commit.
   * @throws TidingsError `LEASE_LOST` once the attempt has lost the task, on every call from then
   *   on; `TOO_MANY_ITEMS`; the error of a commit; and the error of a failed background write, once:
   *   neither the report nor its commit has taken effect then, but of more than 500 items some may be
   *   declared
   */
  report(report: Report): Promise<void>
  /**
   * Writes pending reports and then the terminal event of the attempt, in one transaction with
   * `commit`.
   *
   * `outcome` is recorded in the task's attempts: by default `COMPLETED` when the status is,
   * otherwise `FAILED`.
   * @throws like {@link Journal.report}; the attempt has not ended then, and may be ended with a
   *   different event
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
  /** Stops the timer and waits for the write in progress; pending reports are dropped. */
  close(): Promise<void>
}

/** UTF-16 units of text that may wait to be written before the task has to wait. */
const maxPendingText = 65_536
/** A task that reports without ever waiting must yield to timers and sockets. */
const reportsPerTurn = 64

/**
 * Creates the journal of one attempt.
 *
 * @param options.seq - the current seq of the task's topic
 * @param options.stages - returns the stages with their share of the whole; undefined for a kind
 *   without
 * @param options.coalesceMs - the window in which bursts are merged; the first report after a pause
 *   is written immediately
 * @param options.estimate - returns the remaining milliseconds for a progress; null when there is
 *   nothing to estimate from
 */
export function createJournal(options: {
  readonly taskId: string
  readonly attempt: number
  readonly worker: string
  readonly seq: number
  readonly state: AttemptState
  readonly stages: () => Readonly<Record<string, number>> | undefined
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
  let isBatchEndReported = isBatchDone(state.progress)
  let isClosed = false
  let pendingItems = new Map<string, TaskItem>()
  const pendingOutput = createOutputBuffer()
  const inTurn = createKeyedQueue()
  /** The error of a background write, which no caller awaited. */
  let failure: { readonly error: unknown } | undefined
  let timer: NodeJS.Timeout | undefined
  let isWritingPending = false
  let lastWriteAt = Number.NEGATIVE_INFINITY
  let sinceTurn = 0
  const clock = createStageClock()

  const progressOf = ({ progress }: AttemptState): ProgressState => ({ ...progress, remainingMs: estimate(progress) })

  const takePending = (progress: ProgressState, isEnd: boolean): JournalEntry => {
    const events: JournalEntry['events'][number][] = pendingOutput.take(isEnd).map((piece) => ({
      type: 'TaskOutput',
      payload: { status: 'RUNNING', progress, ...piece },
    }))
    // Every event carries the progress: next to text, a separate advance would be redundant.
    if (isAdvancePending && events.length === 0)
      events.push({ type: 'TaskAdvanced', payload: { status: 'RUNNING', progress } })
    const items = [...pendingItems.values()]
    isAdvancePending = false
    pendingItems = new Map()
    return { events, items }
  }

  const appendEntry = async (entry: JournalEntry, progress: ProgressState): Promise<void> => {
    const request: AppendRequest = {
      topic,
      base: seq,
      events: entry.events,
      ...(entry.close ? { close: true } : {}),
      task: {
        id: taskId,
        expect: ['RUNNING'],
        attempt,
        worker,
        // A worker that writes is alive: every write renews the lease.
        set: { progress: { ...progress }, leaseMs, ...entry.set },
        ...(entry.items && entry.items.length > 0 ? { items: entry.items } : {}),
      },
    }
    const { commit } = entry
    const result =
      commit === undefined ? await appender.append(request) : await appendWith({ database, appender }, request, commit)
    if (!result.accepted) {
      const error = new TidingsError(
        'LEASE_LOST',
        `Attempt ${attempt} of task "${taskId}" has lost its lease: the task is ${result.status ?? 'gone'}, attempt ${result.attempt ?? '?'}`,
      )
      failure ??= { error }
      throw error
    }
    seq = result.seq
  }

  /** Throws the error of an earlier write: a lost lease every time, any other error once. */
  const rethrow = (): void => {
    if (failure === undefined) return
    const { error } = failure
    if (!isTidingsError(error, 'LEASE_LOST')) failure = undefined
    throw error
  }

  /**
   * Writes pending reports and then an entry, after all writes requested before.
   * @param before - the state without the entry's report, which must not be published if the
   *   entry's commit throws
   */
  const write = (entryAt?: (progress: ProgressState) => JournalEntry, before?: AttemptState): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    return inTurn(taskId, async () => {
      rethrow()
      const progress = progressOf(state)
      const own = entryAt?.(progress)
      const pending = takePending(progress, own?.set?.status !== undefined)
      if (own === undefined && pending.events.length === 0) return
      lastWriteAt = performance.now()
      if (own === undefined) return appendEntry(pending, progress)
      // The entry's own event carries the progress as well: the pending advance would be redundant.
      const texts = pending.events.filter(({ type }) => type === 'TaskOutput')
      const items = [...(pending.items ?? []), ...(own.items ?? [])]
      if (own.commit === undefined || texts.length === 0)
        return appendEntry({ ...own, events: [...texts, ...own.events], items }, progress)
      // Streamed text must not be lost with a commit that throws.
      const progressBefore = before === undefined ? progress : progressOf(before)
      await appendEntry(
        { events: texts.map(({ type, payload }) => ({ type, payload: { ...payload, progress: progressBefore } })) },
        progressBefore,
      )
      return appendEntry({ ...own, items }, progress)
    })
  }

  const writeSoon = (): void => {
    // One write at a time: while the database is slow, new reports are merged and not queued.
    if (timer !== undefined || isWritingPending || isClosed) return
    const delayMs = Math.max(0, lastWriteAt + coalesceMs - performance.now())
    timer = setTimeout(() => {
      isWritingPending = true
      write()
        .catch((error: unknown) => {
          // Thrown by the next report.
          failure ??= { error }
        })
        .finally(() => {
          isWritingPending = false
          if (failure === undefined && (isAdvancePending || pendingOutput.length > 0)) writeSoon()
        })
    }, delayMs)
  }

  const accept = async (report: Report): Promise<void> => {
    const before = state
    const newState = reduceReport(state, report, stages())
    state = newState
    clock.enter(state.progress.stage)
    const entry = entryOf(report, before, newState, isBatchEndReported)
    if (entry !== undefined) {
      if (report.is === 'item') pendingItems.delete(report.key)
      try {
        await write(entry, before)
        isBatchEndReported = (isBatchEndReported && report.is !== 'items') || isBatchDone(state.progress)
      } catch (error) {
        // The report has not taken effect: the terminal event must not include it.
        newState.undo()
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
  }

  return {
    get state() {
      return state
    },
    async report(rawReport) {
      rethrow()
      const report = storableReport(rawReport)
      if (report.is !== 'items') return accept(report)
      for (const part of divideItems(report, state.items)) await accept(part)
    },
    end({ type, status, outcome, payload = {}, set = {}, close = false, commit }) {
      const attemptEnd = {
        ...attemptEndOf(outcome ?? (status === 'COMPLETED' ? 'COMPLETED' : 'FAILED'), set),
        ...(status === 'COMPLETED' && stages() !== undefined ? { stageMs: clock.read() } : {}),
      }
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
      await inTurn(taskId, async () => undefined)
    },
  }
}

/** Measures the time spent in each stage; the time before the first counts as part of it. */
function createStageClock(): { enter(stage: string | null): void; read(): Readonly<Record<string, number>> } {
  const stageMs: Record<string, number> = {}
  let current: string | null = null
  let since = performance.now()
  const settle = (): void => {
    const now = performance.now()
    if (current !== null) stageMs[current] = Math.round((stageMs[current] ?? 0) + now - since)
    since = now
  }
  return {
    enter(stage) {
      if (stage === current) return
      if (current !== null) settle()
      current = stage
    },
    read() {
      settle()
      return stageMs
    },
  }
}

function attemptEndOf(outcome: AttemptOutcome, { error }: TaskPatch): NonNullable<TaskPatch['attemptEnd']> {
  const hasError = outcome === 'FAILED' || outcome === 'WORKER_LOST'
  return { outcome, ...(hasError && error ? { error } : {}) }
}
