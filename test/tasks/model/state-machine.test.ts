import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { isTidingsError } from '../../../src/errors.ts'
import type { LogEvent } from '../../../src/log/event.ts'
import { silentLogger } from '../../../src/logger.ts'
import { createCompletionHooks } from '../../../src/tasks/model/completion-hooks.ts'
import { advance, declareItems, item, output, stage } from '../../../src/tasks/model/report.ts'
import { type AttemptEntry, isFinal, type Task, type TaskStatus } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { createWakeUps } from '../../../src/tasks/queue/wake-ups.ts'
import { type Claim, claimNext } from '../../../src/tasks/worker/claim.ts'
import { createJournal, type Journal } from '../../../src/tasks/worker/journal.ts'
import { createSweeper } from '../../../src/tasks/worker/sweeper.ts'
import { type EngineFixture, shareDatabase, startTestEngine, testEngineConfig } from '../../support/engine.ts'
import { foldEvents, toComparable } from '../../support/fold.ts'

shareDatabase()

/** The allowed transitions. */
const successors: Readonly<Record<TaskStatus, readonly TaskStatus[]>> = {
  QUEUED: ['RUNNING', 'CANCELED'],
  RUNNING: ['RUNNING', 'RETRYING', 'COMPLETED', 'FAILED', 'CANCELED'],
  RETRYING: ['RUNNING', 'CANCELED'],
  COMPLETED: [],
  FAILED: [],
  CANCELED: [],
}

const model = createTaskDefinition({
  kind: 'MODEL',
  input: z.object({}),
  attempts: 3,
  // biome-ignore lint/correctness/useYield: nobody runs it
  async *run() {
    return {}
  },
}) as TaskDefinition

const workers = ['w_1', 'w_2', 'w_3'] as const
type Step =
  | { readonly is: 'cancel' | 'expire' | 'sweep' }
  | {
      readonly is: 'claim' | 'advance' | 'item' | 'output' | 'complete' | 'fail' | 'retry' | 'forget'
      readonly by: (typeof workers)[number]
    }
const [by] = workers
const claim: Step = { is: 'claim', by }
const anyWorker = fc.constantFrom(...workers)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('cancel' as const).map((is) => ({ is })) },
  { weight: 6, arbitrary: fc.constantFrom('expire' as const, 'sweep' as const).map((is) => ({ is })) },
  { weight: 8, arbitrary: anyWorker.map((by) => ({ is: 'claim' as const, by })) },
  {
    weight: 14,
    arbitrary: fc.record({
      is: fc.constantFrom('advance' as const, 'item' as const, 'output' as const),
      by: anyWorker,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      is: fc.constantFrom('complete' as const, 'fail' as const, 'retry' as const, 'forget' as const),
      by: anyWorker,
    }),
  },
)

/** Creates several workers, each acting on the state it last knew. */
function createWorkers(fixture: EngineFixture): (by: string, step: Step['is']) => Promise<void> {
  const { database, appender, store } = fixture.engine
  const held = new Map<string, { readonly claim: Claim; readonly journal: Journal; steps: number }>()
  return async (by, step) => {
    if (step === 'claim') {
      const claim = await claimNext({ database, store, appender, worker: by, leaseMs: 60_000 }, { kind: model.kind })
      if (claim === null) return
      const journal = createJournal({
        taskId: claim.task.id,
        attempt: claim.attempt,
        worker: by,
        seq: claim.seq,
        state: claim.state,
        stages: () => undefined,
        database,
        appender,
        leaseMs: 60_000,
        coalesceMs: 1,
        estimate: () => null,
      })
      held.set(by, { claim, journal, steps: 0 })
      return
    }
    const mine = held.get(by)
    if (mine === undefined) return
    const { journal, claim } = mine
    const said = `${by} in attempt ${claim.attempt}, step ${++mine.steps}`
    const error = { code: 'X', message: said, retryable: false, advice: null }
    try {
      if (step === 'forget') held.delete(by)
      if (step === 'advance') await journal.report(mine.steps % 2 ? stage(said) : advance({ message: said }))
      if (step === 'output') await journal.report(output('s', said))
      if (step === 'item') {
        await journal.report(declareItems([{ key: said, label: said }]))
        await journal.report(item.completed(said))
      }
      if (step === 'complete')
        await journal.end({
          type: 'TaskCompleted',
          status: 'COMPLETED',
          payload: { result: { said } },
          set: { result: { said } },
          close: true,
        })
      if (step === 'fail')
        await journal.end({ type: 'TaskFailed', status: 'FAILED', payload: { error }, set: { error }, close: true })
      if (step === 'retry')
        await journal.end({
          type: 'TaskRetrying',
          status: 'RETRYING',
          payload: { error, attempt: claim.attempt + 1, nextAttemptAt: new Date().toISOString() },
          set: { error, nextAttemptInMs: 0 },
        })
    } catch (refusal) {
      if (!isTidingsError(refusal, 'LEASE_LOST')) throw refusal
    }
  }
}

function checkHistory(events: readonly LogEvent[], task: Task): void {
  let status: TaskStatus | null = null
  let attempt = 0
  for (const [index, { seq, type, payload }] of events.entries()) {
    expect(seq).toBe(index + 1)
    const next = payload['status'] as TaskStatus
    if (status === null) expect(type).toBe('TaskQueued')
    else expect(successors[status]).toContain(next)
    if (type === 'TaskStarted') {
      expect(status).not.toBe('RUNNING')
      expect(payload['attempt']).toBe(++attempt)
    }
    // Each report names the attempt that its worker was in at the time.
    const said = /in attempt (\d+)/.exec(JSON.stringify([payload['text'], payload['item'], payload['result']]))?.[1]
    if (said !== undefined) expect(Number(said)).toBe(attempt)
    status = next
  }
  expect(task.status).toBe(status)
  expect(task.attempt).toBe(attempt)
  expect(task.seq).toBe(events.length)
  expect(task.attempts.map(toInstants)).toEqual(attemptsOf(events))
}

function toInstants({ attempt, startedAt, finishedAt, outcome }: AttemptEntry) {
  return [attempt, Date.parse(startedAt), finishedAt === undefined ? undefined : Date.parse(finishedAt), outcome]
}

/** Returns the executions according to the events. */
function attemptsOf(events: readonly LogEvent[]) {
  const ends = { TaskCompleted: 'COMPLETED', TaskFailed: 'FAILED', TaskRetrying: 'FAILED', TaskCanceled: 'CANCELED' }
  const attempts: (readonly unknown[])[] = []
  let isOpen = false
  for (const { type, at, payload } of events) {
    if (type === 'TaskStarted') {
      attempts.push([payload['attempt'] as number, Date.parse(at), undefined, undefined])
      isOpen = true
    }
    if (!(type in ends) || !isOpen) continue
    isOpen = false
    const isLost = (payload['error'] as { code: string } | undefined)?.code === 'WORKER_LOST'
    const begun = attempts.pop()?.slice(0, 2) ?? []
    attempts.push([...begun, Date.parse(at), isLost ? 'WORKER_LOST' : ends[type as keyof typeof ends]])
  }
  return attempts
}

test('no sequence of claims, reports, losses, cancels and ends from several writers breaks the state machine', async () => {
  await using fixture = await startTestEngine({ definitions: [model], config: { ROLE: 'server' } })
  const { engine, database } = fixture
  await using wakeUps = await createWakeUps({ config: testEngineConfig, database, logger: silentLogger, kinds: 0 })
  await using sweeper = createSweeper({
    database,
    store: engine.store,
    appender: engine.appender,
    wakeUps,
    definitions: engine.definitions,
    completionHooks: createCompletionHooks({
      definitions: engine.definitions,
      completionHook: undefined,
      logger: silentLogger,
    }),
    logger: silentLogger,
    sweepMs: 60_000,
    leaseMs: 600_000,
    onReclaimed: () => undefined,
    onWaiting: () => undefined,
  })
  const seen = new Set<TaskStatus>()
  await fc.assert(
    fc.asyncProperty(
      // Steps of one group run concurrently.
      fc.array(fc.array(anyStep, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 25 }),
      async (groups) => {
        const task = await fixture.start('MODEL')
        const work = createWorkers(fixture)
        const take = async (step: Step): Promise<void> => {
          if (step.is === 'cancel')
            await engine.tasks.cancel(task.id).catch((error: unknown) => {
              if (!isTidingsError(error, 'CONFLICT')) throw error
            })
          else if (step.is === 'expire')
            await database.pool.query(`update tidings.task set lease_until = now() - interval '1 s' where id = $1`, [
              task.id,
            ])
          else if (step.is === 'sweep') await sweeper.sweep()
          else if ('by' in step) await work(step.by, step.is)
        }
        for (const group of groups) {
          // A worker does one thing at a time.
          const own = new Map(group.map((step) => ['by' in step ? step.by : step.is, step]))
          await Promise.all([...own.values()].map(take))
        }
        const now = await engine.store.get(task.id)
        if (now !== null && !isFinal(now.status)) await engine.tasks.cancel(task.id)
        const snapshot = await engine.store.snapshot(task.id)
        const events = await fixture.events(task)
        if (snapshot === null) throw new Error('The task is gone')
        checkHistory(events, snapshot.state.task)
        expect(toComparable(snapshot.state)).toEqual(foldEvents(events))
        for (const { payload } of events) seen.add(payload['status'] as TaskStatus)
      },
    ),
    // Random steps alone miss one of the endings now and then.
    {
      numRuns: 60,
      examples: (['complete', 'fail', 'retry'] as const).map((is): [Step[][]] => [[[claim], [{ is, by }], [claim]]]),
    },
  )
  // The sequences were meaningful: every state occurred.
  expect([...seen].sort()).toEqual(Object.keys(successors).sort())
})
