import { z } from 'zod'
import { createBatchLoader } from '../async/batch-loader.ts'
import type { Bus } from '../bus/bus.ts'
import type { Database } from '../db/connect.ts'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Task } from './model/task.ts'
import type { TaskDefinition, Watcher } from './model/task-definition.ts'
import { isGoodFor, maySeeTask, type Viewer } from './model/viewer.ts'

/** The fields of a task that determine access to it. */
type SeenTask = Pick<Task, 'id' | 'kind' | 'owner' | 'subject'>

/**
 * Authorizes access to tasks and notifies subscribers of a task when their access is revoked.
 * Owners always have access; other users need permission of the task's kind
 * (`TaskDefinition.mayWatch`), which can be revoked at any time.
 */
export interface Visibility extends AsyncDisposable {
  maySee(viewer: Viewer, task: SeenTask): Promise<boolean>
  /**
   * Owners always may cancel; other users need permission of the task's kind
   * (`TaskDefinition.mayCancel`).
   */
  mayCancel(viewer: Viewer, task: SeenTask): Promise<boolean>
  /**
   * Reports that access to the tasks about a subject was reduced: every subscriber to one of them,
   * in any process, is checked again. Call it after the change is committed. If the bus loses the
   * message, the next periodic check detects it, at most `checkMs` later.
   */
  changed(subject: string): void
  /**
   * Guards the access of a subscriber to a task: calls `revoke` once, when the viewer loses access,
   * until the returned function is called. Undefined when access cannot be revoked.
   */
  guard(viewer: Viewer, task: SeenTask): ((revoke: (error: TidingsError) => void) => () => void) | undefined
  /**
   * Guards the access of a subscriber to another topic about a subject, such as a topic of the
   * application.
   */
  guardSubject(watched: WatchedSubject): (revoke: (error: TidingsError) => void) => () => void
  /** The number of guarded subscribers. */
  readonly size: number
}

/** A followed subject and the check of access to it. */
interface WatchedSubject {
  /** The subject passed to {@link Visibility.changed}. */
  readonly subject: string
  readonly isAllowed: () => Promise<boolean>
  /** Creates the error sent to the subscriber when its access is revoked. */
  readonly refuse: () => TidingsError
}

const channel = 'tasks:visibility'
const message = z.object({ subject: z.string() })

interface GuardedSubject {
  readonly subject: string | null
  readonly isAllowed: () => Promise<boolean>
  readonly refuse: () => TidingsError
  readonly revoke: (error: TidingsError) => void
}

/** Creates the visibility of one process. */
export function createVisibility(options: {
  readonly database: Database
  readonly bus: Bus
  readonly definitions: ReadonlyMap<string, TaskDefinition>
  readonly logger: Logger
  readonly checkMs: number
}): Visibility {
  const { database, bus, definitions, logger, checkMs } = options
  const guardedSubjects = new Set<GuardedSubject>()
  const mayWatch = new Map<string, (watcher: Watcher) => Promise<boolean>>()
  for (const { kind, mayWatch: answer } of definitions.values())
    if (answer !== undefined)
      mayWatch.set(
        kind,
        createBatchLoader((watchers) => answer(database, watchers)),
      )

  const maySee = async (viewer: Viewer, task: SeenTask): Promise<boolean> => {
    if (maySeeTask(viewer, task)) return true
    if (!isGoodFor(viewer, task)) return false
    const ask = mayWatch.get(task.kind)
    if (ask === undefined || task.subject === null || viewer.userId === task.owner) return false
    return ask([task.subject, viewer.userId])
  }
  const check = async (entry: GuardedSubject): Promise<void> => {
    try {
      if ((await entry.isAllowed()) || !guardedSubjects.delete(entry)) return
      entry.revoke(entry.refuse())
    } catch (error) {
      // The result is unknown; the next periodic check repeats the query.
      logger.warn({ err: error, subject: entry.subject }, 'failed to check access of a subscriber')
    }
  }
  const checkAll = (subject?: string): void => {
    for (const entry of guardedSubjects) if (subject === undefined || entry.subject === subject) void check(entry)
  }

  const guard = (watched: Omit<GuardedSubject, 'revoke'>): ((revoke: GuardedSubject['revoke']) => () => void) => {
    return (revoke) => {
      const entry = { ...watched, revoke }
      guardedSubjects.add(entry)
      // Access may have been revoked between the check that admitted the viewer and this call.
      void check(entry)
      return () => void guardedSubjects.delete(entry)
    }
  }

  const subscription = bus.subscribe(channel, (busMessage) => {
    const parsed = message.safeParse(busMessage)
    if (parsed.success) checkAll(parsed.data.subject)
  })
  const offGap = bus.onGap(() => checkAll())
  const timer = setInterval(() => checkAll(), checkMs).unref()

  return {
    maySee,
    changed(subject) {
      checkAll(subject)
      bus.publish(channel, { subject })
    },
    async mayCancel(viewer, task) {
      if (maySeeTask(viewer, task)) return true
      const { subject, kind } = task
      const mayCancel = definitions.get(kind)?.mayCancel
      if (mayCancel === undefined || subject === null || !(await maySee(viewer, task))) return false
      const [answer = false] = await mayCancel(database, [[subject, viewer.userId]])
      return answer
    },
    guard(viewer, task) {
      if (viewer.userId === task.owner) return undefined
      return guard({
        subject: task.subject,
        isAllowed: () => maySee(viewer, task),
        refuse: () => new TidingsError('FORBIDDEN', `"${task.id}" is no longer shared with you`, { id: task.id }),
      })
    },
    guardSubject: guard,
    get size() {
      return guardedSubjects.size
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      offGap()
      guardedSubjects.clear()
      await subscription.close()
    },
  }
}
