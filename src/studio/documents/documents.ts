import { createHash } from 'node:crypto'
import { typeid } from 'typeid-js'
import { type Database, withTransaction } from '../../db/connect.ts'
import { isTidingsError, TidingsError } from '../../errors.ts'
import type { TaskService } from '../../tasks/service.ts'
import type { TaskStore } from '../../tasks/store.ts'
import type { FailureState, Task } from '../../tasks/task.ts'
import { createTurns } from '../../tasks/turns.ts'
import { convertDocumentKind } from './convert-document.ts'
import { type DocumentMatch, searchPassages } from './search.ts'
import { createSharing, type Sharing } from './sharing.ts'
import type { PageStart } from './structure.ts'
import type { DocumentFormat } from './structure-decode.ts'

/** A document as its row tells it, without its original. */
export interface Document {
  readonly id: string
  readonly owner: string
  /** The file's name. */
  readonly name: string
  readonly title: string
  /** null until it is known. */
  readonly format: DocumentFormat | null
  readonly status: 'PROCESSING' | 'READY' | 'FAILED'
  readonly sizeBytes: number
  readonly wordCount: number
  /** What had to be assumed or left out, as sentences. */
  readonly notes: readonly string[]
  /** Where each page begins; empty for documents without pages. */
  readonly pages: readonly PageStart[]
  readonly error: FailureState | null
  readonly createdAt: Date
}

/** A part of a document under a heading. */
export interface DocumentSection {
  readonly key: string
  readonly level: number
  readonly heading: string
  readonly body: string
  readonly position: number
  /** The page it begins on; null in documents without pages. */
  readonly page: number | null
}

/** A link of a document. */
export interface StoredLink {
  readonly text: string
  readonly url: string
  readonly sectionKey: string
}

/** The documents of all users; who may see which is asked by the API. */
export interface Documents extends Sharing {
  /**
   * Stores a document and starts its conversion. However many are imported at once, this process holds one of them in memory.
   * @param request.bytes - a function is called when it is this document's turn
   * @param request.idempotencyKey - asked for again with the same key, the same document is returned
   * @throws TidingsError `BAD_INPUT` (empty), `IDEMPOTENCY_KEY_REUSED`, and those of starting a task
   */
  import(request: {
    readonly owner: string
    readonly name: string
    readonly bytes: Uint8Array | (() => Promise<Uint8Array>)
    readonly idempotencyKey?: string | undefined
    readonly headStartMs?: number
  }): Promise<{ readonly document: Document; readonly task: Task }>
  /** In the order of `ids`; null where there is none. */
  getMany(ids: readonly string[]): Promise<readonly (Document | null)[]>
  /** The documents that a user owns, with `isShared` those shared with the user as well; newest first. */
  list(options: {
    readonly owner: string
    readonly isShared?: boolean
    readonly before?: { readonly createdAt: Date; readonly id: string } | undefined
    readonly limit: number
  }): Promise<readonly Document[]>
  sections(id: string): Promise<readonly DocumentSection[]>
  /** Sections by their document and key, in that order; null where there is none. */
  sectionsByKey(
    places: readonly { readonly documentId: string; readonly sectionKey: string }[],
  ): Promise<readonly (DocumentSection | null)[]>
  /**
   * Deletes a document with all that was made for reading it, for good, and cancels what works on it.
   * @returns the ids of the tasks that were canceled
   * @throws TidingsError `NOT_FOUND`
   */
  delete(id: string): Promise<readonly string[]>
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

interface Stored {
  readonly id: string
  /** False when its idempotency key was known. */
  readonly isNew: boolean
}

/** Names are shown, not used as paths: they are only made short and printable. */
function tidyName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const tidy = name.replace(/[\u0000-\u001f\u007f]/g, '').trim()
  return (tidy === '' ? 'Untitled' : tidy).slice(0, 200)
}

/** Creates the store of documents. */
export function createDocuments(options: {
  readonly database: Database
  readonly store: TaskStore
  readonly tasks: TaskService
  /** Called when somebody may no longer see a document and the tasks about it. */
  readonly accessChanged: (id: string) => void
}): Documents {
  const { database, store, tasks, accessChanged } = options
  const { pool } = database
  const inTurn = createTurns()

  const getMany = async (ids: readonly string[]): Promise<readonly (Document | null)[]> => {
    const { rows } = await pool.query<DocumentRow>(`select ${columns} from document where id = any($1::text[])`, [ids])
    const byId = new Map(rows.map((row) => [row.id, toDocument(row)]))
    return ids.map((id) => byId.get(id) ?? null)
  }
  const mustGet = async (id: string): Promise<Document> => {
    const [document] = await getMany([id])
    if (!document) throw new TidingsError('NOT_FOUND', `There is no document "${id}"`, { id })
    return document
  }
  const firstTask = async (id: string): Promise<Task> => {
    const { rows } = await pool.query<{ id: string }>(
      'select id from task where subject = $1 order by created_at limit 1',
      [id],
    )
    const task = rows[0] === undefined ? null : await store.get(rows[0].id)
    if (task === null)
      throw new TidingsError('CONFLICT', `Document "${id}" is being imported by another request; try again`)
    return task
  }

  const insert = async (file: {
    readonly owner: string
    readonly name: string
    readonly bytes: Buffer
    readonly idempotencyKey: string | undefined
  }): Promise<Stored> => {
    const { owner, name, bytes, idempotencyKey } = file
    if (bytes.length === 0)
      throw new TidingsError('BAD_INPUT', `The file "${name}" is empty; choose one with text in it`)
    const id = typeid('document').toString()
    const { rowCount } = await pool.query(
      `insert into document (id, owner, name, status, title, size_bytes, original, import_key)
       values ($1, $2, $3, 'PROCESSING', $3, $4, $5, $6)
       on conflict (owner, import_key) where import_key is not null do nothing`,
      [id, owner, name, bytes.length, bytes, idempotencyKey ?? null],
    )
    if (rowCount === 1) return { id, isNew: true }
    const { rows } = await pool.query<{ id: string; digest: string }>(
      `select id, encode(sha256(original), 'hex') as digest from document where owner = $1 and import_key = $2`,
      [owner, idempotencyKey],
    )
    const [earlier] = rows
    if (earlier === undefined || earlier.digest !== createHash('sha256').update(bytes).digest('hex'))
      throw new TidingsError(
        'IDEMPOTENCY_KEY_REUSED',
        `The idempotency key "${idempotencyKey ?? ''}" was used for another document; use a new key for a new import`,
      )
    return { id: earlier.id, isNew: false }
  }

  return {
    ...createSharing({ pool, changed: accessChanged }),
    getMany,
    search: (searched) => searchPassages(pool, searched),
    async delete(id) {
      // First the document: what starts from now on does not find it, so nothing is missed among what is canceled.
      const { rowCount } = await pool.query('delete from document where id = $1', [id])
      if (rowCount === 0) throw new TidingsError('NOT_FOUND', `There is no document "${id}"`, { id })
      const { rows } = await pool.query<{ id: string }>(
        `select id from task where status in ('QUEUED', 'RUNNING', 'RETRYING')
         and (subject = $1 or input->>'documentId' = $1) order by id`,
        [id],
      )
      const canceled: string[] = []
      for (const task of rows) {
        try {
          await tasks.cancel(task.id, 'The document was deleted.')
          canceled.push(task.id)
        } catch (error) {
          // It ended meanwhile.
          if (!isTidingsError(error, 'CONFLICT')) throw error
        }
      }
      return canceled
    },
    async import({ owner, name, bytes, idempotencyKey, headStartMs }) {
      const store = async (): Promise<Stored> => {
        const read = typeof bytes === 'function' ? await bytes() : bytes
        return insert({
          owner,
          name: tidyName(name),
          bytes: Buffer.from(read.buffer, read.byteOffset, read.length),
          idempotencyKey,
        })
      }
      const { id, isNew } = await inTurn('import', store)
      if (!isNew) return { document: await mustGet(id), task: await firstTask(id) }
      try {
        const { task } = await tasks.start({
          kind: convertDocumentKind,
          input: { documentId: id },
          owner,
          ...(headStartMs === undefined ? {} : { headStartMs }),
        })
        return { document: await mustGet(id), task }
      } catch (error) {
        // Refused (such as by the rate limit): nothing of it stays.
        if (isTidingsError(error))
          await withTransaction(database, (client) => client.query('delete from document where id = $1', [id]))
        throw error
      }
    },
    async list({ owner, isShared = false, before, limit }) {
      const { rows } = await pool.query<DocumentRow>(
        `select ${columns} from document
         where (owner = $1 or ($5 and id in (select document_id from document_share where user_id = $1)))
           and ($2::timestamptz is null or (created_at, id) < ($2::timestamptz, $3::text))
         order by created_at desc, id desc limit $4`,
        [owner, before?.createdAt ?? null, before?.id ?? null, limit, isShared],
      )
      return rows.map(toDocument)
    },
    async sections(id) {
      const { rows } = await pool.query<DocumentSection>(
        'select key, level, heading, body, position, page from section where document_id = $1 order by position',
        [id],
      )
      return rows
    },
    async sectionsByKey(places) {
      const { rows } = await pool.query<DocumentSection & { document_id: string }>(
        `select document_id, key, level, heading, body, position, page from section
         where (document_id, key) in (select * from unnest($1::text[], $2::text[]))`,
        [places.map(({ documentId }) => documentId), places.map(({ sectionKey }) => sectionKey)],
      )
      const found = new Map(rows.map((row) => [`${row.document_id} ${row.key}`, row]))
      return places.map(({ documentId, sectionKey }) => found.get(`${documentId} ${sectionKey}`) ?? null)
    },
  }
}
