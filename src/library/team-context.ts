import { findVisibleTask } from '../../schema/kit/access.ts'
import type { Context } from '../../schema/kit/context.ts'
import { type TaskSource, taskSource } from '../../schema/kit/task-ref.ts'
import { ownContextOf } from '../live/execute/own-context.ts'
import type { Viewer } from '../tasks/model/viewer.ts'

/** The value of a field of the type `Task`. */
export type FoundTask = TaskSource

/**
 * Returns the viewer of an operation, as `authenticate` identified it; null for an anonymous caller.
 *
 * @param context - the context of a resolver
 * @example
 * builder.queryField('me', (t) => t.string({ nullable: true, resolve: (_, __, context) => viewerOf(context)?.userId }))
 */
export function viewerOf(context: object): Viewer | null {
  return ownContextOf<Partial<Context>>(context).viewer ?? null
}

/**
 * Finds a task that the viewer may see, for a field of the type `Task` on a type of the team.
 *
 * @param context - the context of a resolver
 * @param id - null or undefined without a task
 * @returns null when there is none that the viewer may see
 * @example
 * const resolvers = { Report: { lastExport: (report, _, context) => findTask(context, report.exportTaskId) } }
 */
export async function findTask(context: object, id: string | null | undefined): Promise<FoundTask | null> {
  const own = ownContextOf<Context>(context)
  return id === null || id === undefined || own.viewer === null ? null : taskSource(await findVisibleTask(own, id))
}
