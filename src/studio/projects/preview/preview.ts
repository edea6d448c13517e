import type { FailureState } from '../../../engine.ts'

/** The state of a preview: starting, viewable, failed to start, or stopped. */
export type PreviewStatus = 'STARTING' | 'READY' | 'FAILED' | 'STOPPED'

/** A project's preview. */
export interface Preview {
  readonly projectId: string
  readonly status: PreviewStatus
  /** The unguessable part of its address; null while it has none. */
  readonly key: string | null
  /** The version of the files that it shows. */
  readonly version: number
  /** The reason when FAILED; null otherwise. */
  readonly error: FailureState | null
  /** RFC 3339. */
  readonly changedAt: string
}

/** The type of the only event of a preview's topic: the new state of the preview, in `payload.preview`. */
export const previewChanged = 'PreviewChanged'

/** Returns the name of the topic of a project's preview. */
export function previewTopic(projectId: string): string {
  return `preview:${projectId}`
}
