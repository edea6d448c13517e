import { useCallback } from 'react'
import {
  type PreviewFieldsFragment,
  PreviewStatusDocument,
  type PreviewStatusSubscription,
  StartPreviewDocument,
  StopPreviewDocument,
} from '../../gql/graphql.ts'
import { useLive } from '../../react/index.ts'
import { useChange } from '../use-change.ts'

/** The live state of a preview. */
interface LivePreview {
  /** Null until it is known. */
  readonly preview: PreviewFieldsFragment | null
  readonly start: () => void
  readonly stop: () => void
  readonly isSending: boolean
  readonly refusal: string | null
}

function reducePreview(
  _: PreviewFieldsFragment | undefined,
  { previewStatus }: PreviewStatusSubscription,
): PreviewFieldsFragment {
  return previewStatus.preview
}

/** Watches the preview of a project. */
export function usePreview(projectId: string): LivePreview {
  const { state } = useLive(PreviewStatusDocument, { projectId }, reducePreview)
  const starting = useChange(StartPreviewDocument)
  const stopping = useChange(StopPreviewDocument)
  const start = useCallback(() => void starting.run({ projectId }), [starting.run, projectId])
  const stop = useCallback(() => void stopping.run({ projectId }), [stopping.run, projectId])
  return {
    preview: state ?? null,
    start,
    stop,
    isSending: starting.isSending || stopping.isSending,
    refusal: starting.refusal ?? stopping.refusal,
  }
}
