import type { ContentPiece, ContentStatus, PieceStateFieldsFragment } from '../../gql/graphql.ts'
import type { TaskError, TaskState } from '../../index.ts'

/** The three pieces of a concept, in display order. */
export const pieces = [
  { piece: 'TUTORIAL', field: 'tutorial', name: 'Tutorial' },
  { piece: 'RESOURCES', field: 'resources', name: 'Resources' },
  { piece: 'QUIZ', field: 'quiz', name: 'Quiz' },
] as const satisfies readonly { readonly piece: ContentPiece; readonly field: string; readonly name: string }[]

/** A piece as the page shows it: the fetched state, overlaid with later events. */
export interface PieceView {
  readonly status: ContentStatus
  readonly error: TaskError | null
  /** The text that its task has streamed so far; null when none is known. */
  readonly text: string | null
}

/**
 * Overlays a fetched piece with the tasks that work on it.
 *
 * @param base - as fetched, or as the cache predicts it after a mutation
 * @param tasks - oldest first; the newest one that contains the piece takes precedence
 */
export function viewPiece(
  base: Omit<PieceStateFieldsFragment, 'piece'>,
  conceptId: string,
  piece: ContentPiece,
  tasks: readonly TaskState[],
): PieceView {
  const key = `${conceptId}:${piece}`
  const task = tasks.findLast(({ items }) => items.has(key))
  const item = task?.items.get(key)
  if (task === undefined || item === undefined) {
    // Not among the loaded items of a large roadmap: the events of the roadmap report its status.
    const writer =
      base.status === 'GENERATING' ? tasks.findLast(({ isOver, outputs }) => !isOver && outputs.has(key)) : undefined
    return { status: base.status, error: base.error, text: textOf(writer, key) }
  }
  const text = textOf(task, key)
  switch (item.status) {
    case 'RUNNING':
      if (task.isOver) return { status: base.status, error: base.error, text: null }
      return { status: 'GENERATING', error: null, text }
    case 'COMPLETED':
    case 'SKIPPED':
      return { status: 'COMPLETED', error: null, text }
    case 'FAILED':
      return { status: 'FAILED', error: item.error, text: null }
    case 'PENDING':
      if (task.isOver) return { status: base.status, error: base.error, text: null }
      return { status: base.status === 'GENERATING' ? 'GENERATING' : 'PENDING', error: null, text: null }
    default:
      return item.status satisfies never
  }
}

/** Returns the text that a task has streamed for a piece; null when its beginning is not known. */
function textOf(task: TaskState | undefined, key: string): string | null {
  const output = task?.outputs.get(key)
  return output === undefined || output.startsAt > 0 ? null : output.text
}
