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
import { createId } from './environment.ts'
import { isUnanswered, messageOf, NotSentError, OtherUserError, withOwner } from './http.ts'
import { addIdempotencyKeys } from './idempotency.ts'
import type { Outbox, Outcome } from './outbox.ts'
import type { OutboxStorage, StoredMutation } from './outbox-storage.ts'
import type { Tokens } from './tokens.ts'

/** What a kept mutation carries through the client when it is made again after a reload. */
interface Kept {
  readonly tidingsOutbox?: StoredMutation
}

/** Options of the outbox in the context of a mutation. */
export interface OutboxContext {
  /** Mutations with the same name are sent one after the other: see `Outgoing.line`. */
  readonly tidingsLine?: string
  /**
   * `false` for a mutation that is worthless later, such as a typing signal: it is sent at once or not at all, never
   * stored, and fails like a query. @default true
   */
  readonly outbox?: boolean
  /**
   * Whether sending the mutation twice has the effect of sending it once; then it is stored and sent again until it is
   * answered. @default whether it takes an `idempotencyKey` or a `clientId`
   */
  readonly repeatable?: boolean
}

/**
 * Sends mutations through the outbox: those that cannot be sent now wait, without a result, so that what the cache has
 * assumed of them stays; those that were kept by an earlier page are made again, and assumed again. What one user made is
 * never sent with another one's token: it waits for the one who made it.
 *
 * Stands behind the cache and before whatever sends.
 *
 * @param options.storage - where they are kept; undefined for nowhere
 */
export function outboxExchange(options: {
  readonly outbox: Outbox
  readonly storage: OutboxStorage | undefined
  readonly tokens: Tokens
}): Exchange {
  const { outbox, storage, tokens } = options
  return ({ forward, client }) => {
    /** So that a clock that is set back does not change the order. */
    let newestAt = 0
    const sent = makeSubject<Operation>()
    const made = makeSubject<OperationResult>()
    /** The ids of the mutations under way. */
    const underWay = new Map<unknown, string>()

    const take = (operation: Operation): void => {
      const kept = (operation.context as Kept).tidingsOutbox
      const { tidingsLine: line = kept?.line, repeatable } = operation.context as OutboxContext
      const variables = (operation.variables ?? {}) as Readonly<Record<string, unknown>>
      const keyed = addIdempotencyKeys(operation.query, variables, () => createId())
      const id = kept?.id ?? createId()
      let owner = kept === undefined ? tokens.user() : kept.user
      const user = (): string | null | undefined => {
        if (owner === undefined) owner = tokens.user()
        return owner
      }
      const request = makeOperation(
        'mutation',
        { key: operation.key, query: keyed.query, variables: keyed.variables },
        { ...operation.context, fetchOptions: withOwner(operation.context.fetchOptions, user) },
      )
      underWay.set(identify(operation), id)
      newestAt = Math.max(newestAt, Date.now())
      outbox.take(
        {
          id,
          user,
          // A mutation can only be stored together with its user. Once it is known, `onUser` stores what waits.
          identify: () =>
            storage === undefined || user() !== undefined ? undefined : tokens.get().catch(() => undefined),
          field: keyed.field,
          variables: keyed.variables,
          createdAt: kept?.createdAt ?? newestAt,
          attempts: kept?.attempts ?? 0,
          isRepeatable: repeatable ?? kept?.isRepeatable ?? keyed.isRepeatable,
          line,
          query: hasFiles(variables) ? null : stringifyDocument(keyed.query),
          send: () => sent.next(request),
          abandon(reason) {
            underWay.delete(identify(operation))
            made.next(makeErrorResult(operation, new NotSentError(reason)))
          },
        },
        { mustWait: kept !== undefined },
      )
    }
    /** @returns whether a result is to be handed on */
    const settle = (result: OperationResult): boolean => {
      const id = underWay.get(identify(result.operation))
      if (id === undefined) return true
      const isOver = outbox.settle(id, judge(result))
      if (isOver) underWay.delete(identify(result.operation))
      return isOver
    }
    const restore = async (): Promise<void> => {
      // The mutations of this page are sent after those of earlier ones, as they were made after them.
      const resume = storage === undefined ? undefined : outbox.pause()
      try {
        const left = (await storage?.claim(async () => (await tokens.get()).userId)) ?? []
        for (const kept of [...outbox.release(tokens.user()), ...left]) {
          const request = createRequest(kept.query, kept.variables)
          pipe(
            client.executeMutation(request, { tidingsOutbox: kept } as Kept as Partial<Operation['context']>),
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
    // Also when nobody could tell the first time who is signed in.
    tokens.onUser(() => {
      restoreSafely()
      outbox.refresh()
    })

    return (operations$) => {
      const shared$ = share(operations$)
      const passed$ = pipe(
        shared$,
        // A mutation that the outbox has accepted is sent, also when the component that made it is gone.
        filter((one) => !isForOutbox(one) && !(one.kind === 'teardown' && underWay.has(identify(one)))),
      )
      const taken$ = pipe(
        shared$,
        filter(isForOutbox),
        tap(take),
        filter((_): _ is never => false),
      )
      return merge([pipe(forward(merge([passed$, sent.source, taken$])), filter(settle)), made.source])
    }
  }
}

function isForOutbox({ kind, context }: Operation): boolean {
  return kind === 'mutation' && (context as OutboxContext).outbox !== false
}

/** Equal mutations share a key; urql tells them apart by an object in their contexts. */
function identify({ key, context }: Operation): unknown {
  return context._instance ?? key
}

function hasFiles(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return (typeof Blob !== 'undefined' && value instanceof Blob) || Object.values(value).some(hasFiles)
}

/** What a result means for the mutation behind it. */
function judge({ data, error }: OperationResult): Outcome {
  if (error !== undefined) return judgeError(error)
  // Failures that the caller can act on are members of the result's union, named …Error.
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
