import { useEffect, useRef, useState } from 'react'
import {
  DocumentReadingDocument,
  type DocumentReadingQuery,
  DocumentUpdatesDocument,
  type DocumentUpdatesSubscription,
} from '../../gql/graphql.ts'
import type { TaskState } from '../../index.ts'
import { useLive, useTask } from '../../react/index.ts'
import { hasErrorCode, useFetched } from '../use-fetched.ts'

/** A document with its text. */
export type ReadDocument = NonNullable<DocumentReadingQuery['document']>

/** The live state of a document. */
export interface LiveDocument {
  /** Null while it is being fetched, and when it does not exist or is no longer accessible. */
  readonly document: ReadDocument | null
  readonly viewerId: string | null
  /**
   * Why there is no document: not fetched yet, unknown id, access revoked, deleted, or the query
   * failed.
   */
  readonly absence: 'loading' | 'missing' | 'forbidden' | 'deleted' | 'failed' | null
  readonly failure: string | null
  /** Whether the query failed because the server requires authentication. */
  readonly isRefused: boolean
  /** The conversion that is running, or ran while this page was open. */
  readonly conversion: TaskState | null
  /** Watches a conversion that this page has just started. */
  readonly watch: (taskId: string) => void
  readonly refetch: () => void
}

interface Changes {
  readonly seq: number
  readonly isDeleted: boolean
}
function reduceUpdates(_: Changes | undefined, { documentUpdates }: DocumentUpdatesSubscription): Changes {
  return { seq: documentUpdates.seq, isDeleted: documentUpdates.change === 'DELETED' }
}

/**
 * Keeps a document up to date: fetches it again when its conversion is finished, and when it is
 * shared or access is revoked.
 */
export function useDocument(id: string): LiveDocument {
  const { data, isLoading, failure, isRefused, refetch } = useFetched(
    DocumentReadingDocument,
    { id },
    { isNotified: true },
  )
  const fetchedDocument = data?.document ?? null

  const [taskId, watch] = useState<string | null>(null)
  const activeId = fetchedDocument?.activeTask?.id ?? null
  useEffect(() => {
    if (activeId !== null) watch(activeId)
  }, [activeId])
  const conversion = useTask(taskId)
  const updates = useLive(DocumentUpdatesDocument, { documentId: id }, reduceUpdates)

  const seq = updates.state?.seq
  const seenSeq = useRef<number | null>(null)
  useEffect(() => {
    if (seq === undefined) return
    // The first event reports the current state, which has just been fetched.
    const isNews = seenSeq.current !== null && seenSeq.current !== seq
    seenSeq.current = seq
    if (isNews) refetch()
  }, [seq, refetch])
  const isConverted = conversion.task?.isOver === true
  useEffect(() => {
    if (isConverted) refetch()
  }, [isConverted, refetch])

  const isTakenBack = hasErrorCode(updates.error, 'FORBIDDEN') || hasErrorCode(conversion.error, 'FORBIDDEN')
  const isDeleted = updates.state?.isDeleted === true
  // NOT_FOUND: access was revoked or the document deleted while this page received no events.
  const isGone = isTakenBack || isDeleted || hasErrorCode(updates.error, 'NOT_FOUND')
  const document = isGone ? null : fetchedDocument
  return {
    document,
    viewerId: data?.viewer?.id ?? null,
    absence:
      document !== null
        ? null
        : isTakenBack
          ? 'forbidden'
          : isDeleted
            ? 'deleted'
            : failure !== null
              ? 'failed'
              : isLoading || data === undefined
                ? 'loading'
                : 'missing',
    failure,
    isRefused,
    conversion: conversion.task,
    watch,
    refetch,
  }
}
