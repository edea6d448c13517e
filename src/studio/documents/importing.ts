import { createHash } from 'node:crypto'
import { typeid } from 'typeid-js'
import { createKeyedQueue } from '../../async/index.ts'
import {
  checkIdempotencyKey,
  createTopic,
  type Database,
  deleteTopic,
  isTidingsError,
  keyReused,
  type Task,
  type TaskService,
  type TaskStore,
  TidingsError,
  withTransaction,
} from '../../engine.ts'
import { convertDocumentKind } from './convert/convert-document.ts'
import type { Document } from './document.ts'
import { documentTopic } from './updates.ts'

/** Import of documents. */
export interface Importing {
  /**
   * Stores a document and starts its conversion. However many are imported at once, this process
   * holds only one of them in memory.
   * @param request.bytes - a function is called when it is this document's turn
   * @param request.idempotencyKey - a repeated request with the same key returns the same document
   * @throws TidingsError `BAD_INPUT` (empty), `IDEMPOTENCY_KEY_REUSED`, and those of starting a
   * task
   */
  import(request: {
    readonly owner: string
    readonly name: string
    readonly bytes: Uint8Array | (() => Promise<Uint8Array>)
    readonly idempotencyKey?: string | undefined
    readonly headStartMs?: number
  }): Promise<{ readonly document: Document; readonly task: Task }>
}

interface Stored {
  readonly id: string
  /** False when its idempotency key was known. */
  readonly isNew: boolean
}

/** Names are displayed, not used as paths: they are only shortened and made printable. */
function tidyName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const tidy = name.replace(/[\u0000-\u001f\u007f]/g, '').trim()
  return (tidy === '' ? 'Untitled' : tidy).slice(0, 200)
}

/** Creates the import of documents. */
export function createImporting(options: {
  readonly database: Database
  readonly store: TaskStore
  readonly tasks: TaskService
  /** @throws TidingsError `NOT_FOUND` */
  readonly get: (id: string) => Promise<Document>
}): Importing {
  const { database, store, tasks, get } = options
  const { pool } = database
  const inTurn = createKeyedQueue()

  const firstTask = async (id: string): Promise<Task | null> => {
    const { rows } = await pool.query<{ id: string }>(
      'select id from tidings.task where subject = $1 order by created_at limit 1',
      [id],
    )
    return rows[0] === undefined ? null : store.get(rows[0].id)
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
    const isNew = await withTransaction(database, async (client) => {
      const { rowCount } = await client.query(
        `insert into studio.document (id, owner, name, status, title, size_bytes, original, import_key)
       values ($1, $2, $3, 'PROCESSING', $3, $4, $5, $6)
       on conflict (owner, import_key) where import_key is not null do nothing`,
        [id, owner, name, bytes.length, bytes, idempotencyKey ?? null],
      )
      if (rowCount === 1) await createTopic(client, documentTopic(id))
      return rowCount === 1
    })
    if (isNew) return { id, isNew }
    const { rows } = await pool.query<{ id: string; name: string; digest: string }>(
      `select id, name, encode(sha256(original), 'hex') as digest from studio.document where owner = $1 and import_key = $2`,
      [owner, idempotencyKey],
    )
    const [earlier] = rows
    const digest = createHash('sha256').update(bytes).digest('hex')
    if (earlier === undefined || earlier.digest !== digest || earlier.name !== name)
      throw keyReused(
        'input.idempotencyKey',
        `The idempotency key "${idempotencyKey ?? ''}" was used for another document; use a new key for a new import`,
      )
    return { id: earlier.id, isNew: false }
  }

  return {
    async import({ owner, name, bytes, idempotencyKey, headStartMs }) {
      checkIdempotencyKey(idempotencyKey, 'input.idempotencyKey')
      const keep = async (): Promise<Stored> => {
        const read = typeof bytes === 'function' ? await bytes() : bytes
        return insert({
          owner,
          name: tidyName(name),
          bytes: Buffer.from(read.buffer, read.byteOffset, read.length),
          idempotencyKey,
        })
      }
      const { id, isNew } = await inTurn('import', keep)
      const first = isNew ? null : await firstTask(id)
      if (first !== null) return { document: await get(id), task: first }
      try {
        const { task } = await tasks.start({
          kind: convertDocumentKind,
          input: { documentId: id },
          owner,
          // Another request may be between storing the document and this point, or may have crashed
          // there: the first to get here starts the task, for both.
          idempotencyKey: `import ${id}`,
          ...(headStartMs === undefined ? {} : { headStartMs }),
        })
        return { document: await get(id), task }
      } catch (error) {
        // Rejected (e.g. by the rate limit): the document is removed completely.
        if (isNew && isTidingsError(error))
          await withTransaction(database, async (client) => {
            await client.query('delete from studio.document where id = $1', [id])
            await deleteTopic(client, documentTopic(id))
          })
        throw error
      }
    },
  }
}
