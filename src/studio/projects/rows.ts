import type { FailureState } from '../../engine.ts'
import type { Preview, PreviewStatus } from './preview/preview.ts'

/** The columns of `project`, named as the properties of a project. */
export const projectColumns = `id, owner, title, prompt, template, document_id as "documentId", quiz_id as "quizId", status, note, error,
  version, created_at as "createdAt", updated_at as "updatedAt"`

/** The columns of `project_file`, named as the properties of a file. */
export const fileColumns =
  'project_id as "projectId", path, content, size_bytes as "sizeBytes", updated_at as "updatedAt"'

/** A row of {@link previewColumns}. */
export interface PreviewRow {
  project_id: string
  status: PreviewStatus
  key: string | null
  version: number
  error: FailureState | null
  changed_at: Date
}

/** The columns of `project_preview p` for {@link toPreview}. */
export const previewColumns = 'p.project_id, p.status, p.key, p.version, p.error, p.changed_at'

/** Converts a row to a preview. */
export function toPreview(row: PreviewRow): Preview {
  return {
    projectId: row.project_id,
    status: row.status,
    key: row.key,
    version: row.version,
    error: row.error,
    changedAt: row.changed_at.toISOString(),
  }
}
