import type { Cache } from '@urql/exchange-graphcache'
import type { Assumption, CacheContext, CacheRules, TaskEventFields } from '../../index.ts'
import { change, remove } from '../lists.ts'

/** The fields of an entity, by their schema names. */
type Fields = Readonly<Record<string, unknown>>

/** The status of a piece of content, as an event of its roadmap reports it. */
interface ContentChange {
  readonly conceptId: string
  readonly piece: string
  readonly status: string
  readonly error?: object | null
}

/**
 * The newest state of a piece of content and the task that produced it; null where the task is not
 * known.
 */
interface PieceState {
  readonly taskId: string | null
  readonly fields: Fields
}

/** Maps the status of a task item that produces content to the status of that content. */
const contentStatus: Readonly<Record<string, string>> = {
  PENDING: 'PENDING',
  RUNNING: 'GENERATING',
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
}

/**
 * Creates the rules of roadmaps: a retried piece of content reads GENERATING at once, and content
 * follows the events of its roadmap and of the tasks that generate it.
 */
export function createContentRules({ fields, write, createMemory, forgetOnReset }: CacheContext): CacheRules {
  const pieces = createMemory<PieceState>()

  const writePiece = (cache: Cache, key: string, { fields: written }: Pick<PieceState, 'fields'>): void => {
    const [id = '', piece = ''] = key.split(':')
    const concept = { __typename: 'Concept', id }
    const field = piece.toLowerCase()
    if (!fields.get('Concept')?.has(field) || cache.resolve(concept, field) === undefined) return
    write(cache, concept, { [field]: { __typename: 'Content', piece, ...written } })
  }
  /** Applies an event of `roadmapUpdates`: the status of content, no matter which client changed it. */
  const applyRoadmapEvent = (cache: Cache, data: unknown): void => {
    const event = (data ?? {}) as {
      readonly taskId?: string
      readonly reason?: string
      readonly contents?: readonly ContentChange[]
    }
    forgetOnReset(event)
    for (const { conceptId, piece, status, error } of event.contents ?? []) {
      const key = `${conceptId}:${piece}`
      const newFields = { status, ...(error === undefined ? {} : { error }) }
      // This event may arrive before the response to the mutation that caused it.
      pieces.set(key, { taskId: event.taskId ?? pieces.get(key)?.taskId ?? null, fields: newFields })
      writePiece(cache, key, { fields: newFields })
    }
  }
  /** Applies the result of `retryContent`. */
  const applyRetry = (cache: Cache, input: unknown, answer: unknown): void => {
    const { conceptId, piece } = (input ?? {}) as { readonly conceptId?: string; readonly piece?: string }
    const { __typename: type, task } = (answer ?? {}) as {
      readonly __typename?: string
      readonly task?: { id?: string }
    }
    if (conceptId === undefined || piece === undefined || type !== 'RetryContentSuccess') return
    const key = `${conceptId}:${piece}`
    const entry = pieces.get(key)
    // The events of the retry may have arrived before the response.
    const isOvertaken = entry !== undefined && entry.taskId !== null && entry.taskId === task?.id
    const state = isOvertaken ? entry : { taskId: task?.id ?? null, fields: { status: 'GENERATING', error: null } }
    if (!isOvertaken) pieces.set(key, state)
    writePiece(cache, key, state)
  }

  return {
    updates: {
      Subscription: {
        roadmapUpdates: (result, _, cache) => applyRoadmapEvent(cache, result['roadmapUpdates']),
      },
      Mutation: {
        retryContent: ({ retryContent }, { input }, cache) => applyRetry(cache, input, retryContent),
        createRoadmap: change('Roadmap'),
        deleteRoadmap: remove,
      },
    },
    predictions: { retryContent: ({ input }) => assumeRetry(input) },
    findAfter: (after) => (type, id, field) =>
      type === 'Concept' ? pieces.getAfter(`${id}:${field.toUpperCase()}`, after)?.fields : undefined,
    onTaskEvent(cache, event) {
      const { taskId = null, item } = event
      const piece = readMadePiece(event)
      // The content itself is in the cache already, as part of the event.
      if (piece !== undefined) pieces.set(piece.key, { taskId, fields: piece.fields })
      const status = contentStatus[item?.status ?? '']
      if (item?.key === undefined || status === undefined) return
      const state: PieceState = { taskId, fields: { status, ...('error' in item ? { error: item.error } : {}) } }
      pieces.set(item.key, state)
      writePiece(cache, item.key, state)
    },
  }
}

/** Predicts the result of `retryContent`, as far as it can be known. */
function assumeRetry(input: unknown): Assumption {
  const { conceptId = '', piece = '' } = (input ?? {}) as { readonly conceptId?: string; readonly piece?: string }
  return {
    type: 'Concept',
    id: conceptId,
    fields: { [piece.toLowerCase()]: { __typename: 'Content', piece, status: 'GENERATING', error: null } },
  }
}

/**
 * Returns the content that a task produced, from its terminal event; undefined for other events.
 */
function readMadePiece({ result }: TaskEventFields): { readonly key: string; readonly fields: Fields } | undefined {
  const { conceptId, piece, concept } = (result ?? {}) as {
    readonly conceptId?: string
    readonly piece?: string
    readonly concept?: Fields | null
  }
  const content = piece === undefined ? undefined : concept?.[piece.toLowerCase()]
  if (conceptId === undefined || piece === undefined || typeof content !== 'object' || content === null)
    return undefined
  return { key: `${conceptId}:${piece}`, fields: content as Fields }
}
