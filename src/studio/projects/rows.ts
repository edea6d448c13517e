import type { FailureState } from '../../tasks/model/task.ts'
import type { Preview, PreviewStatus } from './preview.ts'
import type { Project, ProjectFile, ProjectStatus, ProjectTemplate } from './project.ts'

/** A row of {@link projectColumns}. */
export interface ProjectRow {
  id: string
  owner: string
  title: string
  prompt: string
  template: ProjectTemplate | null
  document_id: string | null
  quiz_id: string | null
  status: ProjectStatus
  note: string | null
  error: FailureState | null
  version: number
  created_at: Date
  updated_at: Date
}

/** The columns of `project` for {@link toProject}. */
export const projectColumns =
  'id, owner, title, prompt, template, document_id, quiz_id, status, note, error, version, created_at, updated_at'

/** Converts a row to a project. */
export function toProject(row: ProjectRow): Project {
  return {
    id: row.id,
    owner: row.owner,
    title: row.title,
    prompt: row.prompt,
    template: row.template,
    documentId: row.document_id,
    quizId: row.quiz_id,
    status: row.status,
    note: row.note,
    error: row.error,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** A row of {@link fileColumns}. */
export interface FileRow {
  project_id: string
  path: string
  content: string
  size_bytes: number
  updated_at: Date
}

/** The columns of `project_file` for {@link toFile}. */
export const fileColumns = 'project_id, path, content, size_bytes, updated_at'

/** Converts a row to a file. */
export function toFile(row: FileRow): ProjectFile {
  return {
    projectId: row.project_id,
    path: row.path,
    content: row.content,
    sizeBytes: row.size_bytes,
    updatedAt: row.updated_at,
  }
}

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
