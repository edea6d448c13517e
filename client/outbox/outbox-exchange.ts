import {
  type CombinedError,
  createRequest,
  type Exchange,
  makeErrorResult,
  makeOperation,
  type Operation,
  type OperationResult,
  stringifyDocument,
} from '@urql/core'
import { filter, makeSubject, merge, pipe, share, subscribe, tap } from 'wonka'
import { createId } from '../base/environment.ts'
import type { Tokens } from '../base/tokens.ts'
import { isUnanswered, messageOf, NotSentError, OtherUserError, withOwner } from '../transport/http.ts'
import { addIdempotencyKeys, type IdempotentMutations, joinIdempotent } from './idempotency.ts'
import type { Outbox, Outcome } from './outbox.ts'
import type { OutboxStorage, StoredMutation } from './outbox-storage.ts'

/** The context of a stored mutation that is made again after a reload. */
interface RestoredContext {
  readonly tidingsOutbox?: StoredMutation
}

/** Options of the outbox in the context of a mutation. */
export interface OutboxContext {
  /** Mutations with the same lane name are sent serially: see `Outgoing.line`. */
  readonly tidingsLine?: string
  /**
   * `false` for a mutation that is worthless later, such as a typing signal: it is sent at once or
   * not at all, never stored, and fails like a query. @default true
   */
  readonly outbox?: boolean
  /**
   * Whether sending the mutation twice has the same effect as sending it once. If so, it is stored
   * and sent again until it is answered. @default whether it takes an `idempotencyKey` or a
   * `clientId`
   */
  readonly repeatable?: boolean
}

/**
 * Sends mutations through the outbox. A mutation that cannot be sent now waits without a result, so
 * that its optimistic update remains. Mutations stored by an earlier page are made again, including
 * their optimistic updates. A mutation of one user is never sent with another user's token: it
 * waits until its own user is signed in.
 *
 * Must come after the cache and before the exchanges that send requests.
 *
 * @param options.storage - stores the mutations; undefined to store none
 */
export function outboxExchange(options: {
  readonly outbox: Outbox
  readonly storage: OutboxStorage | undefined
  readonly tokens: Tokens
  /** The idempotent mutations of the applications. */
  readonly plugins: readonly IdempotentMutations[]
}): Exchange {
  const { outbox, storage, tokens, plugins } = options
  const idempotent = joinIdempotent(plugins)
  return ({ forward, client }) => {
    /** Keeps the order of mutations when the clock is set back. */
    let newestAt = 0
    const requests = makeSubject<Operation>()
    const results = makeSubject<OperationResult>()
    /** The ids of the pending mutations. */
    const underWay = new Map<unknown, string>()

    const take = (operation: Operation): void => {
      const storedMutation = (operation.context as RestoredContext).tidingsOutbox
      const { tidingsLine: line = storedMutation?.line, repeatable } = operation.context as OutboxContext
      const variables = (operation.variables ?? {}) as Readonly<Record<string, unknown>>
      const keyedOperation = addIdempotencyKeys(operation.query, variables, {
        ...idempotent,
        createKey: () => createId(),
      })
      const id = storedMutation?.id ?? createId()
      let owner = storedMutation === undefined ? tokens.user() : storedMutation.user
      const user = (): string | null | undefined => {
        if (owner === undefined) owner = tokens.user()
        return owner
      }
      const request = makeOperation(
        'mutation',
        { key: operation.key, query: keyedOperation.query, variables: keyedOperation.variables },
        { ...operation.context, fetchOptions: withOwner(operation.context.fetchOptions, user) },
      )
      underWay.set(identify(operation), id)
      newestAt = Math.max(newestAt, Date.now())
      outbox.take(
        {
          id,
          user,
          // A mutation can only be stored together with its user. `onUser` stores the waiting ones
          // once the user is known.
          identify: () =>
            storage === undefined || user() !== undefined ? undefined : tokens.get().catch(() => undefined),
          field: keyedOperation.field,
          variables: keyedOperation.variables,
          createdAt: storedMutation?.createdAt ?? newestAt,
          attempts: storedMutation?.attempts ?? 0,
          isRepeatable: repeatable ?? storedMutation?.isRepeatable ?? keyedOperation.isRepeatable,
          line,
          query: hasFiles(variables) ? null : stringifyDocument(keyedOperation.query),
          send: () => requests.next(request),
          abandon(reason) {
            underWay.delete(identify(operation))
            results.next(makeErrorResult(operation, new NotSentError(reason)))
          },
        },
        { mustWait: storedMutation !== undefined },
      )
    }
    /** @returns whether to pass the result on */
    const settle = (result: OperationResult): boolean => {
      const id = underWay.get(identify(result.operation))
      if (id === undefined) return true
      const isOver = outbox.settle(id, judge(result))
      if (isOver) underWay.delete(identify(result.operation))
      return isOver
    }
    const restore = async (): Promise<void> => {
      // Mutations of this page were made after those of earlier pages, so they are sent after them.
      const resume = storage === undefined ? undefined : outbox.pause()
      try {
        const storedMutations = (await storage?.claim(async () => (await tokens.get()).userId)) ?? []
        for (const mutation of [...outbox.release(tokens.user()), ...storedMutations]) {
          const request = createRequest(mutation.query, mutation.variables)
          pipe(
            client.executeMutation(request, { tidingsOutbox: mutation } as RestoredContext as Partial<
              Operation['context']
            >),
            subscribe(() => undefined),
          )
        }
      } finally {
        resume?.()
      }
    }
    const restoreSafely = (): void => {
      restore().catch((error: unknown) => console.warn(`Stored mutations cannot be read: ${messageOf(error)}`))
    }
    restoreSafely()
    // Covers the case that the user was still unknown at the first attempt.
    tokens.onUser(() => {
      restoreSafely()
      outbox.refresh()
    })

    return (operations$) => {
      const shared$ = share(operations$)
      const passed$ = pipe(
        shared$,
        // A mutation that the outbox has accepted is sent even after the component that made it is
        // unmounted.
        filter(
          (operation) =>
            !isForOutbox(operation) && !(operation.kind === 'teardown' && underWay.has(identify(operation))),
        ),
      )
      const mutations$ = pipe(
        shared$,
        filter(isForOutbox),
        tap(take),
        filter((_): _ is never => false),
      )
      return merge([pipe(forward(merge([passed$, requests.source, mutations$])), filter(settle)), results.source])
    }
  }
}

function isForOutbox({ kind, context }: Operation): boolean {
  return kind === 'mutation' && (context as OutboxContext).outbox !== false
}

/** Equal mutations share a key; urql distinguishes them by an object in their contexts. */
function identify({ key, context }: Operation): unknown {
  return context._instance ?? key
}

function hasFiles(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return (typeof Blob !== 'undefined' && value instanceof Blob) || Object.values(value).some(hasFiles)
}

/** Derives the outcome of a mutation from its result. */
function judge({ data, error }: OperationResult): Outcome {
  if (error !== undefined) return judgeError(error)
  // Errors that the caller can act on are members of the result union, named …Error.
  for (const value of Object.values((data ?? {}) as Record<string, { __typename?: string; message?: string } | null>))
    if (value?.__typename?.endsWith('Error') === true)
      return { is: 'refused', reason: value.message ?? `The server answered with ${value.__typename}` }
  return { is: 'answered' }
}

function judgeError(error: CombinedError): Outcome {
  const { networkError, graphQLErrors, message } = error
  if (networkError instanceof OtherUserError) return { is: 'held' }
  return {
    is: isUnanswered(error) ? 'unanswered' : 'refused',
    reason: networkError?.message ?? graphQLErrors[0]?.message ?? message,
  }
}
