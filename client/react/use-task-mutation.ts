import type { AnyVariables, CombinedError, DocumentInput } from '@urql/core'
import { useCallback, useRef, useState } from 'react'
import type { TaskSummaryFieldsFragment } from '../gql/graphql.ts'
import { useTidings } from './provider.ts'
import { startedTasksOf } from './started-tasks.ts'
import { describeError } from './words.ts'

/** What became of a mutation that starts or ends a task. */
export interface TaskMutationOutcome<Data> {
  /** The answer; undefined when there was none. */
  readonly data: Data | undefined
  /** The task that was started or ended; null when the mutation was refused. */
  readonly task: TaskSummaryFieldsFragment | null
  /** Why it was refused, in words for the person at the screen; null when it was not. */
  readonly refusal: string | null
}

/** A mutation and where it stands. */
export interface TaskMutation<Data, Variables> {
  /** Sends it. Never rejects: failures are told by the outcome, and by `refusal`. */
  readonly run: (variables: Variables) => Promise<TaskMutationOutcome<Data>>
  /** Whether an answer is waited for; also while the device is offline and the mutation waits to be sent. */
  readonly isSending: boolean
  /** The task of the last answer. */
  readonly task: TaskSummaryFieldsFragment | null
  /** Why the last one was refused; null when it was not. */
  readonly refusal: string | null
}

const idle = { isSending: false, task: null, refusal: null } as const

/**
 * Sends a mutation that starts or ends a task.
 *
 * @param document - a mutation of one field whose success selects `task { ...TaskSummaryFields }` and whose failures select
 * `... on Error { message }`
 */
export function useTaskMutation<Data, Variables extends AnyVariables>(
  document: DocumentInput<Data, Variables>,
): TaskMutation<Data, Variables> {
  const client = useTidings()
  const [state, setState] = useState<Omit<TaskMutation<Data, Variables>, 'run'>>(idle)
  const last = useRef(0)
  const run = useCallback(
    async (variables: Variables): Promise<TaskMutationOutcome<Data>> => {
      const own = ++last.current
      setState((before) => ({ ...before, isSending: true, refusal: null }))
      const { data, error } = await client.urql.mutation(document, variables).toPromise()
      const outcome = { data, ...readAnswer(data, error) }
      if (outcome.task !== null) startedTasksOf(client).add(outcome.task)
      // Only the newest has a say, or an earlier one's late answer would end the waiting.
      if (own === last.current) setState({ isSending: false, task: outcome.task, refusal: outcome.refusal })
      return outcome
    },
    [client, document],
  )
  return { ...state, run }
}

interface Answer {
  readonly __typename?: string
  readonly message?: string
  readonly task?: TaskSummaryFieldsFragment | null
}

function readAnswer(
  data: unknown,
  error: CombinedError | undefined,
): Pick<TaskMutationOutcome<unknown>, 'task' | 'refusal'> {
  const [answer] = Object.values((data ?? {}) as Record<string, Answer | null>)
  if (answer === undefined || answer === null)
    return { task: null, refusal: describeError(error) ?? 'The server did not answer.' }
  if (answer.__typename?.endsWith('Success') === true) return { task: answer.task ?? null, refusal: null }
  return { task: null, refusal: answer.message ?? 'This was refused.' }
}
