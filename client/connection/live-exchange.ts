import { type Exchange, formatDocument, makeOperation, makeResult, type Operation, stringifyDocument } from '@urql/core'
import { filter, make, merge, mergeMap, pipe, share, takeUntil, tap } from 'wonka'
import { isGenerated } from '../transport/generated.ts'
import type { RequestBody } from '../transport/transport.ts'
import type { Live } from './live.ts'

/**
 * Passes subscriptions to {@link Live}. urql's own `subscriptionExchange` merges each result with
 * the previous one, so that an error would persist in all later results; here each result is
 * independent. Results of other operations show that the server can be reached.
 */
export function liveExchange(live: Pick<Live, 'subscribe' | 'onReached'>): Exchange {
  return ({ forward, client }) =>
    (operations$) => {
      const shared$ = share(operations$)
      const results$ = pipe(
        shared$,
        filter(({ kind }) => kind === 'subscription'),
        mergeMap((operation) =>
          pipe(
            make<ReturnType<typeof makeResult>>(({ next, complete }) =>
              live.subscribe(
                toBody(operation),
                {
                  next: (result) => next(makeResult(operation, result as Parameters<typeof makeResult>[1])),
                  complete() {
                    // Informs the other exchanges and the hooks that this operation is over.
                    client.reexecuteOperation(makeOperation('teardown', operation, operation.context))
                    complete()
                  },
                },
                { isGenerated: isGenerated(operation.query) },
              ),
            ),
            takeUntil(
              pipe(
                shared$,
                filter(({ kind, key }) => kind === 'teardown' && key === operation.key),
              ),
            ),
          ),
        ),
      )
      const rest$ = pipe(
        shared$,
        filter(({ kind }) => kind !== 'subscription'),
      )
      const forwarded$ = pipe(
        forward(rest$),
        tap(({ error }) => {
          if (error === undefined) live.onReached()
        }),
      )
      return merge([results$, forwarded$])
    }
}

function toBody({ query, variables }: Operation): RequestBody {
  // The events of all subscriptions have type names, whichever cache is used.
  const document = formatDocument(query) as typeof query
  const operation = document.definitions.find((definition) => definition.kind === 'OperationDefinition')
  const name = operation?.name?.value
  return {
    query: stringifyDocument(document),
    ...(name === undefined ? {} : { operationName: name }),
    variables: (variables ?? {}) as Readonly<Record<string, unknown>>,
  }
}
