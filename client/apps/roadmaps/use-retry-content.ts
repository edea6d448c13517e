import { useCallback } from 'react'
import { type ContentPiece, RetryContentDocument, type RetryContentMutation } from '../../gql/graphql.ts'
import { type TaskMutation, type TaskMutationOutcome, useTaskMutation } from '../../react/index.ts'

/** Retrying content, with the state of the last attempt. */
export interface RetryContent extends Omit<TaskMutation<RetryContentMutation, never>, 'run'> {
  /**
   * Generates one piece of one concept again. The piece reads GENERATING at once, before the server
   * has answered, and returns to its previous status if the server refuses. A retry made offline is
   * sent once, when the network is back.
   */
  readonly retry: (conceptId: string, piece: ContentPiece) => Promise<TaskMutationOutcome<RetryContentMutation>>
}

/** Retries pieces of content. Watch the `task` of the outcome with `useTask`. */
export function useRetryContent(): RetryContent {
  const { run, ...state } = useTaskMutation(RetryContentDocument)
  const retry = useCallback((conceptId: string, piece: ContentPiece) => run({ input: { conceptId, piece } }), [run])
  return { ...state, retry }
}
