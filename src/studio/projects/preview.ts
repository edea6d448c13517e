import type { FailureState } from '../../tasks/task.ts'

/** Where a preview is: being started, to be looked at, not possible, or at rest. */
export type PreviewStatus = 'STARTING' | 'READY' | 'FAILED' | 'STOPPED'

/** What a project looks like, as far as it can be looked at now. */
export interface Preview {
  readonly projectId: string
  readonly status: PreviewStatus
  /** The unguessable part of its address; null while there is none. */
  readonly key: string | null
  /** The version of the files that it shows. */
  readonly version: number
  /** Why it FAILED; null otherwise. */
  readonly error: FailureState | null
  /** RFC 3339. */
  readonly changedAt: string
}

/** The type of the only event of a preview's topic: the preview as it now is, in `payload.preview`. */
export const previewChanged = 'PreviewChanged'

/** The name of the topic of a project's preview. */
export function previewTopic(projectId: string): string {
  return `preview:${projectId}`
}
