import type { Client } from '@urql/core'
import { createId } from '../base/environment.ts'
import type { TaskSummaryFieldsFragment } from '../gql/graphql.ts'
import type { OutboxContext } from '../outbox/outbox-exchange.ts'
import { describeError } from '../transport/http.ts'
import { type StartFailure, startDocumentOf } from './documents.ts'
import type { AnyKind, InputOf } from './generated-kind.ts'

/** The request was refused or could not be answered. */
interface RequestError {
  readonly __typename: 'RequestError'
  readonly message: string
  /** The code of the error, such as `FORBIDDEN`; null when the server did not answer. */
  readonly code: string | null
}

/**
 * Why a task was not started; `message` is for the user. Newer servers may return failures of other types: keep a default branch.
 */
export type StartRefusal = StartFailure | RequestError

/** The outcome of starting a task. */
export type StartOutcome =
  | { readonly task: TaskSummaryFieldsFragment; readonly refusal: null }
  | { readonly task: null; readonly refusal: StartRefusal }

/** The arguments of a start: the input, which may be omitted when all its fields are optional. */
export type StartArguments<K extends AnyKind> =
  Partial<InputOf<K>> extends InputOf<K> ? [input?: InputOf<K>] : [input: InputOf<K>]

/**
 * Starts a task. The start has an idempotency key, so a repeated request starts it once: a client of `createTidingsClient` stores it
 * and sends it again until it is answered.
 *
 * @returns the task, or why it was refused; never rejects
 * @example
 * const { task, refusal } = await startTask(client, exportReport, { reportId: 'report_1', format: 'PDF' })
 */
export async function startTask<K extends AnyKind>(
  { urql }: { readonly urql: Client },
  kind: K,
  ...[input]: StartArguments<K>
): Promise<StartOutcome> {
  const { idempotencyKey = createId() } = (input ?? {}) as { readonly idempotencyKey?: string | undefined }
  const context: OutboxContext = { repeatable: true }
  const { data, error } = await urql
    .mutation(startDocumentOf(kind), { input: { ...input, idempotencyKey } }, context)
    .toPromise()
  const answer = data?.[kind.mutation]
  if (answer === undefined || answer === null)
    return {
      task: null,
      refusal: {
        __typename: 'RequestError',
        message: describeError(error) ?? 'The server did not answer.',
        code: codeOf(error?.graphQLErrors[0]?.extensions['code']),
      },
    }
  return 'task' in answer ? { task: answer.task, refusal: null } : { task: null, refusal: answer }
}

function codeOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
