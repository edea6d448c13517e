import type { Database } from '../db/connect.ts'
import { withTransaction } from '../db/connect.ts'
import type { JsonObject } from '../db/tables.ts'
import { TidingsError } from '../errors.ts'
import type { Appended, Appender, AppendUnit, TaskPatch } from '../log/append.ts'
import { type AttemptState, isBatchDone, reduceReport } from './progress.ts'
import type { Commit, Report } from './report.ts'
import { type ProgressState, type TaskEventType, type TaskItem, type TaskStatus, taskTopic } from './task.ts'

/** Writes down what one attempt reports. The attempt's only writer, so its reports enter the log in the order they were made. */
export interface Journal {
  /** What the attempt has reported so far. */
  readonly state: AttemptState
  /**
   * Takes a report. Bursts of *latest* and *append* reports are merged within the window and written in the background;
   * for stages, items and commits it resolves when they are in the log.
   * @throws TidingsError `LEASE_LOST` when the attempt is no longer the task's: also for what was written in the background
   */
  report(report: Report): Promise<void>
  /** Writes what is pending and then the words that end the attempt, in one transaction with `commit`. */
  end(ending: {
    readonly type: TaskEventType
    readonly status: TaskStatus
    readonly payload?: JsonObject
    readonly set?: TaskPatch
    readonly close?: boolean
    readonly commit?: Commit | undefined
  }): Promise<void>
  /** Stops the timer and waits for what is being written; what is pending is dropped. */
  close(): Promise<void>
}

interface Output {
  readonly stream: string
  readonly offset: number
  text: string
}

interface Entry {
  readonly events: readonly { readonly type: TaskEventType; readonly payload: JsonObject }[]
  readonly set?: TaskPatch
  readonly items?: readonly TaskItem[]
  readonly commit?: Commit | undefined
  readonly close?: boolean
}

/** Text that may wait for the log before the task has to. */
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
  let isBatchTold = false
  let pendingItems = new Map<string, TaskItem>()
  let pendingOutput: Output[] = []
  const offsets = new Map<string, number>()
  let chain: Promise<void> = Promise.resolve()
  let failure: { readonly error: unknown } | undefined
  let timer: NodeJS.Timeout | undefined
  let lastWriteAt = Number.NEGATIVE_INFINITY
  let sinceTurn = 0

  const progressNow = (): ProgressState => ({ ...state.progress, remainingMs: estimate(state.progress) })

  const takePending = (progress: ProgressState): Entry => {
    const outputs = pendingOutput
    const items = [...pendingItems.values()]
    const events: { type: TaskEventType; payload: JsonObject }[] = outputs.map((piece) => ({
      type: 'TaskOutput',
      payload: { status: 'RUNNING', progress, ...piece },
    }))
    // Every event tells the progress: beside text, an advance of its own would say nothing new.
    if (isAdvancePending && events.length === 0)
      events.push({ type: 'TaskAdvanced', payload: { status: 'RUNNING', progress } })
    isAdvancePending = false
    pendingItems = new Map()
    pendingOutput = []
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
    const refuse = (refused: Extract<Appended, { accepted: false }>): TidingsError =>
      new TidingsError(
        'LEASE_LOST',
        `Attempt ${attempt} of task "${taskId}" is no longer the one: it is ${refused.status ?? 'gone'}, attempt ${refused.attempt ?? '?'}`,
      )
    if (commit === undefined) {
      const appended = await appender.append(unit)
      if (!appended.accepted) throw refuse(appended)
      seq = appended.seq
      return
    }
    const appended = await withTransaction(database, async (client) => {
      await commit(client)
      const outcome = await appender.appendIn(client, unit)
      if (!outcome.accepted) throw refuse(outcome)
      return outcome
    })
    seq = appended.seq
    appender.publish(appended.events)
  }

  /** Writes what is pending and then `make`'s entry, after everything that was asked for before. */
  const write = (make?: (progress: ProgressState) => Entry): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const step = chain.then(async () => {
      if (failure !== undefined) throw failure.error
      const progress = progressNow()
      const pending = takePending(progress)
      const own = make?.(progress)
      // An event of its own tells the progress as well: the pending advance would say the same.
      const before =
        own === undefined ? pending.events : pending.events.filter((event) => event.type !== 'TaskAdvanced')
      const events = [...before, ...(own?.events ?? [])]
      if (events.length === 0) return
      lastWriteAt = performance.now()
      await appendEntry({ ...own, events, items: [...(pending.items ?? []), ...(own?.items ?? [])] }, progress)
    })
    chain = step.catch((error: unknown) => {
      failure ??= { error }
    })
    return step
  }

  const writeSoon = (): void => {
    if (timer !== undefined) return
    const delayMs = Math.max(0, lastWriteAt + coalesceMs - performance.now())
    timer = setTimeout(() => {
      // Its failure is kept and thrown at the next report.
      write().catch(() => undefined)
    }, delayMs)
  }

  const itemEvent: Readonly<Record<'RUNNING' | 'COMPLETED' | 'FAILED' | 'SKIPPED', TaskEventType>> = {
    RUNNING: 'TaskItemStarted',
    COMPLETED: 'TaskItemCompleted',
    SKIPPED: 'TaskItemCompleted',
    FAILED: 'TaskItemFailed',
  }

  return {
    get state() {
      return state
    },
    async report(report) {
      if (failure !== undefined) throw failure.error
      const before = state
      state = reduceReport(state, report, stages)
      switch (report.is) {
        case 'advance':
          if (state.progress.stage === before.progress.stage && report.commit === undefined) break
          return write((progress) => ({ events: [{ type: 'TaskAdvanced', payload: { status: 'RUNNING', progress } }] }))
        case 'items': {
          const added = [...state.items.values()].filter(({ key }) => !before.items.has(key))
          isBatchTold = false
          return write((progress) => ({
            events: [{ type: 'TaskItemsAdded', payload: { status: 'RUNNING', progress, items: added } }],
            items: added,
            commit: report.commit,
          }))
        }
        case 'item': {
          const item = state.items.get(report.key)
          if (item === undefined) return
          pendingItems.delete(report.key)
          const isBatchEnd = !isBatchTold && isBatchDone(state.progress)
          if (isBatchEnd) isBatchTold = true
          return write((progress) => ({
            events: [
              { type: itemEvent[report.status], payload: { status: 'RUNNING', progress, item } },
              ...(isBatchEnd
                ? [{ type: 'TaskBatchCompleted' as const, payload: { status: 'RUNNING', progress } }]
                : []),
            ],
            items: [item],
            commit: report.commit,
          }))
        }
        case 'itemPercent': {
          const item = state.items.get(report.key)
          if (item !== undefined) pendingItems.set(report.key, item)
          break
        }
        case 'output': {
          const offset = offsets.get(report.stream) ?? 0
          offsets.set(report.stream, offset + report.text.length)
          const last = pendingOutput.at(-1)
          if (last?.stream === report.stream) last.text += report.text
          else if (report.text !== '') pendingOutput.push({ stream: report.stream, offset, text: report.text })
          const isTooMuch = pendingOutput.reduce((sum, piece) => sum + piece.text.length, 0) > maxPendingText
          if (isTooMuch) return write()
          break
        }
      }
      if (report.is !== 'output') isAdvancePending = true
      writeSoon()
      if (++sinceTurn >= reportsPerTurn) {
        sinceTurn = 0
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    end({ type, status, payload = {}, set = {}, close = false, commit }) {
      return write((progress) => {
        const last: ProgressState = {
          ...progress,
          remainingMs: null,
          ...(status === 'COMPLETED' ? { percent: 100 } : {}),
        }
        return {
          events: [{ type, payload: { status, progress: last, ...payload } }],
          set: { status, progress: { ...last }, worker: null, ...set },
          commit,
          close,
        }
      })
    },
    async close() {
      clearTimeout(timer)
      await chain
    },
  }
}
