import type { AnyVariables, CombinedError, DocumentInput } from '@urql/core'
import { useCallback, useRef, useState } from 'react'
import type { TaskSummaryFieldsFragment } from '../../gql/graphql.ts'
import type { TidingsClient } from '../../tidings-client.ts'
import { describeError } from '../../transport/http.ts'
import { useTidings } from '../provider.ts'
import { startedTasksOf } from './started-tasks.ts'

/** The outcome of a mutation that starts or cancels a task. */
export interface TaskMutationOutcome<Data> {
  /** The response data; undefined when there was none. */
  readonly data: Data | undefined
  /** The task that was started or canceled; null when the mutation was refused. */
  readonly task: TaskSummaryFieldsFragment | null
  /** Why it was refused, as a sentence to show to the user; null on success. */
  readonly refusal: string | null
}

/** A mutation with the state of its last call. */
export interface TaskMutation<Data, Variables> {
  /** Sends the mutation. Never rejects: failures are in the outcome, and in `refusal`. */
  readonly run: (variables: Variables) => Promise<TaskMutationOutcome<Data>>
  /**
   * Whether a response is pending, including the time in which the device is offline and the
   * mutation waits to be sent.
   */
  readonly isSending: boolean
  /** The task of the last response. */
  readonly task: TaskSummaryFieldsFragment | null
  /** Why the last call was refused; null on success. */
  readonly refusal: string | null
}

/** The outcome of a call that starts or cancels a task. */
interface Outcome<Refusal> {
  readonly task: TaskSummaryFieldsFragment | null
  readonly refusal: Refusal | null
}

const idle = { isSending: false, task: null, refusal: null } as const

/**
 * Returns a function that sends, with the state of its last call.
 *
 * @param send - sends; keep the function the same between renders
 */
export function useLastCall<Args extends readonly unknown[], Refusal, O extends Outcome<Refusal>>(
  send: (client: TidingsClient, ...args: Args) => Promise<O>,
): Outcome<O['refusal']> & { readonly isSending: boolean; readonly run: (...args: Args) => Promise<O> } {
  const client = useTidings()
  const [state, setState] = useState<Outcome<O['refusal']> & { readonly isSending: boolean }>(idle)
  const last = useRef(0)
  const run = useCallback(
    async (...args: Args): Promise<O> => {
      const own = ++last.current
      setState((before) => ({ ...before, isSending: true, refusal: null }))
      const outcome = await send(client, ...args)
      if (outcome.task !== null) startedTasksOf(client).add(outcome.task)
      // Only the newest call sets the state; otherwise the late response of an earlier call would
      // reset `isSending`.
      if (own === last.current) setState({ isSending: false, task: outcome.task, refusal: outcome.refusal })
      return outcome
    },
    [client, send],
  )
  return { ...state, run }
}

/**
 * Sends a mutation that starts or cancels a task.
 *
 * @param document - a mutation with one field, which selects `task { ...TaskSummaryFields }` on
 * success and `... on Error { message }` on failure
 * @example
 * const { run, isSending, refusal } = useTaskMutation(StartExportDocument)
 * // <button disabled={isSending} onClick={() => void run({ input: { reportId } })}>
 */
export function useTaskMutation<Data, Variables extends AnyVariables>(
  document: DocumentInput<Data, Variables>,
): TaskMutation<Data, Variables> {
  const send = useCallback(
    async ({ urql }: TidingsClient, variables: Variables): Promise<TaskMutationOutcome<Data>> => {
      const { data, error } = await urql.mutation(document, variables).toPromise()
      return { data, ...readAnswer(data, error) }
    },
    [document],
  )
  return useLastCall(send)
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
