import { dependOn } from '../../src/live/execute/topic-field.ts'
import type { Context } from './context.ts'

/**
 * Guards a field that leads from a task to an object outside the scope of a token for the task, by
 * spreading into its options: the field is null when the token is scoped.
 */
export function leadOut<S, T>(resolve: (source: S, context: Context) => T) {
  return {
    ...dependOn('limits'),
    resolve: (source: S, _args: object, context: Context): T | null =>
      context.isLimited ? null : resolve(source, context),
  }
}
