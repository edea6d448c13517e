import {
  type Appender,
  type Database,
  type FailureState,
  type TaskService,
  type TaskStore,
  TidingsError,
} from '../../engine.ts'
import { createDeleting, type Deleting } from './deleting.ts'
import type { Document, DocumentSection } from './document.ts'
import { createImporting, type Importing } from './importing.ts'
import { type DocumentMatch, searchPassages } from './search.ts'
import { createSharing, type Sharing } from './sharing.ts'
import type { PageStart } from './structure/structure.ts'

/** The documents of all users. Access is checked by the API. */
export interface Documents extends Sharing, Importing, Deleting {
  /** In the order of `ids`; null for unknown ids. */
  getMany(ids: readonly string[]): Promise<readonly (Document | null)[]>
  /** The newest conversion task of each document, whatever its status; null when there is none. */
  conversionIds(ids: readonly string[]): Promise<readonly (string | null)[]>
  /** Lists the documents that a user owns, with `isShared` also those shared with the user; newest first. */
  list(options: {
    readonly owner: string
    readonly isShared?: boolean
    readonly before?: { readonly createdAt: Date; readonly id: string } | undefined
    readonly limit: number
  }): Promise<readonly Document[]>
  sections(id: string): Promise<readonly DocumentSection[]>
  /** Sections by document and key, in the order of `places`; null for unknown ones. */
  sectionsByKey(
    places: readonly { readonly documentId: string; readonly sectionKey: string }[],
  ): Promise<readonly (DocumentSection | null)[]>
  /** Searches the documents that a user may read; see `searchPassages`. */
  search(options: {
    readonly userId: string
    readonly query: string
    readonly limit: number
    readonly documentId?: string | undefined
  }): Promise<readonly DocumentMatch[]>
}

interface DocumentRow {
  id: string
  owner: string
  name: string
  title: string
  format: Document['format']
  status: Document['status']
  size_bytes: number
  word_count: number
  notes: string[]
  pages: PageStart[]
  error: FailureState | null
  created_at: Date
}
const columns = 'id, owner, name, title, format, status, size_bytes, word_count, notes, pages, error, created_at'

function toDocument(row: DocumentRow): Document {
  return {
    id: row.id,
    owner: row.owner,
    name: row.name,
    title: row.title,
    format: row.format,
    status: row.status,
    sizeBytes: row.size_bytes,
    wordCount: row.word_count,
    notes: row.notes,
    pages: row.pages,
    error: row.error,
    createdAt: row.created_at,
  }
}

/** Creates the store of documents. */
export function createDocuments(options: {
  readonly database: Database
  readonly appender: Appender
  readonly store: TaskStore
  readonly tasks: TaskService
  /** Subjects of tasks that read a document without naming it in their input: these are canceled with it. */
  readonly dependents: (documentId: string) => Promise<readonly string[]>
  /** Called when a user has lost access to a document and the tasks about it. */
  readonly accessChanged: (id: string) => void
}): Documents {
  const { database, appender, store, tasks, dependents, accessChanged } = options
  const { pool } = database

  const getMany = async (ids: readonly string[]): Promise<readonly (Document | null)[]> => {
    const { rows } = await pool.query<DocumentRow>(
      `select ${columns} from studio.document where id = any($1::text[])`,
      [ids],
    )
    const byId = new Map(rows.map((row) => [row.id, toDocument(row)]))
    return ids.map((id) => byId.get(id) ?? null)
  }
  const mustGet = async (id: string): Promise<Document> => {
    const [document] = await getMany([id])
    if (!document) throw new TidingsError('NOT_FOUND', `There is no document "${id}"`, { id })
    return document
  }
  return {
    ...createSharing({ database, appender, changed: accessChanged }),
    ...createImporting({ database, store, tasks, get: mustGet }),
    ...createDeleting({ database, appender, tasks, dependents }),
    getMany,
    async conversionIds(ids) {
      const { rows } = await pool.query<{ id: string; subject: string }>(
        `select distinct on (subject) id, subject from tidings.task where subject = any($1::text[])
         order by subject, created_at desc, id desc`,
        [ids],
      )
      const bySubject = new Map(rows.map((row) => [row.subject, row.id]))
      return ids.map((id) => bySubject.get(id) ?? null)
    },
    search: (request) => searchPassages(pool, request),
    async list({ owner, isShared = false, before, limit }) {
      const page = `($2::timestamptz is null or (d.created_at, d.id) < ($2::timestamptz, $3::text))
        order by d.created_at desc, d.id desc limit $4`
      // Each branch uses its own index; a single condition with `or` would scan all documents.
      const { rows } = await pool.query<DocumentRow>(
        `select ${columns} from studio.document where id in (
           (select d.id from studio.document d where d.owner = $1 and ${page})
           union all
           (select d.id from studio.document_share s join studio.document d on d.id = s.document_id where s.user_id = $1 and $5 and ${page})
         ) order by created_at desc, id desc limit $4`,
        [owner, before?.createdAt ?? null, before?.id ?? null, limit, isShared],
      )
      return rows.map(toDocument)
    },
    async sections(id) {
      const { rows } = await pool.query<DocumentSection>(
        'select key, level, heading, body, position, page from studio.section where document_id = $1 order by position',
        [id],
      )
      return rows
    },
    async sectionsByKey(places) {
      const { rows } = await pool.query<DocumentSection & { document_id: string }>(
        `select document_id, key, level, heading, body, position, page from studio.section
         where (document_id, key) in (select * from unnest($1::text[], $2::text[]))`,
        [places.map(({ documentId }) => documentId), places.map(({ sectionKey }) => sectionKey)],
      )
      const rowsByKey = new Map(rows.map((row) => [`${row.document_id} ${row.key}`, row]))
      return places.map(({ documentId, sectionKey }) => rowsByKey.get(`${documentId} ${sectionKey}`) ?? null)
    },
  }
}
