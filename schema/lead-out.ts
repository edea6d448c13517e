import { dependOn } from '../src/live/field.ts'
import type { Context } from './context.ts'

/**
 * Makes a field, by spreading into its options, lead from a task to something that a token which names the task does not name: where the
 * token is limited it is null.
 */
export function leadOut<S, T>(resolve: (source: S, context: Context) => T) {
  return {
    ...dependOn('limits'),
    resolve: (source: S, _args: object, context: Context): T | null =>
      context.isLimited ? null : resolve(source, context),
  }
}
