import { type Client, type Exchange, makeOperation, type Operation, type OperationResult } from '@urql/core'
import { filter, makeSubject, map, merge, pipe, tap } from 'wonka'
import { type FindField, patchData } from './patch.ts'

/** Values known from events and mutation results, in the order in which they became known. */
export interface KnownValues {
  /** Counts the values that have become known so far. */
  readonly position: number
  /**
   * Finds values of fields that became known after a position; the finder returns undefined where
   * there is none.
   */
  findAfter(position: number): FindField
}

/**
 * Wraps a cache so that refetched queries are not outdated, neither while they wait nor when they
 * are answered:
 *
 * - A response that was overtaken by an event or a mutation result takes the newer values from
 *   there, as its own state may have been read before. When the status of an entity has changed
 *   meanwhile, the query is sent once more, as a status seldom changes alone.
 * - While a query is being refetched, its current result keeps following the cache. urql drops
 *   those results, because it takes them for repetitions of the pending request.
 *
 * @param objectTypes - the names of the schema's object types
 */
export function withLateAnswers(
  cache: Exchange,
  memory: KnownValues,
  objectTypes: { has(name: string): boolean },
): Exchange {
  return (input) => {
    /** The pending queries, and the position at which each was sent. */
    const positions = new Map<number, number>()
    /** Pending queries to read from the cache, and those to send again once they are answered. */
    const toRead = new Map<number, Operation>()
    const toAsk = new Set<number>()
    /** Queries for which data has been passed on. */
    const shownKeys = new Set<number>()
    const reads = makeSubject<Operation>()
    let isReading = false

    const ask = (operation: Operation): void => {
      input.client.reexecuteOperation(
        makeOperation('query', operation, { ...operation.context, requestPolicy: 'network-only' }),
      )
    }
    const read = (): void => {
      const operations = [...toRead.values()]
      toRead.clear()
      for (const operation of operations) {
        if (!positions.has(operation.key)) input.client.reexecuteOperation(operation)
        else {
          isReading = true
          reads.next(makeOperation('query', operation, { ...operation.context, requestPolicy: 'cache-only' }))
          isReading = false
        }
      }
    }
    const reexecute = (operation: Operation): void => {
      const { kind, key, context } = operation
      if (kind !== 'query' || !positions.has(key) || context.requestPolicy !== 'cache-first') {
        input.client.reexecuteOperation(operation)
        return
      }
      if (toRead.size === 0) queueMicrotask(read)
      toRead.set(key, operation)
    }
    const leave = ({ kind, key }: Operation): void => {
      if (kind !== 'teardown') return
      positions.delete(key)
      toRead.delete(key)
      toAsk.delete(key)
      shownKeys.delete(key)
    }
    const take = (result: OperationResult): OperationResult => {
      const { operation, data, hasNext } = result
      const position = positions.get(operation.key)
      if (operation.kind !== 'query' || position === undefined || hasNext) return result
      positions.delete(operation.key)
      const isToAsk = toAsk.delete(operation.key)
      if (data === undefined || data === null) return result
      const isOvertaken = memory.position > position
      const patchedResult = isOvertaken
        ? patchData(operation.query, data as Record<string, unknown>, objectTypes, memory.findAfter(position))
        : { data, hasStatusChanged: false }
      if (isToAsk || patchedResult.hasStatusChanged) queueMicrotask(() => ask(operation))
      return { ...result, data: patchedResult.data }
    }
    /** @returns null for a result that must not be passed on */
    const pass = (result: OperationResult): OperationResult | null => {
      const { operation, data } = result
      const { key } = operation
      if (!isReading) {
        if (operation.kind === 'query' && data !== undefined && data !== null) shownKeys.add(key)
        return result
      }
      // Read while the query is pending: another result follows.
      if (operation.context.meta?.cacheOutcome === 'hit') return { ...result, stale: true }
      // The cache has lost a part of it since, and the pending response may have been read before
      // that.
      if (shownKeys.has(key)) toAsk.add(key)
      return null
    }

    const exchange = cache({
      ...input,
      client: Object.create(input.client, { reexecuteOperation: { value: reexecute } }) as Client,
      forward: (operations$) => {
        const forwardedOps$ = pipe(
          operations$,
          tap((operation) => {
            if (operation.kind === 'query') positions.set(operation.key, memory.position)
          }),
        )
        return pipe(input.forward(forwardedOps$), map(take))
      },
    })
    return (operations$) =>
      pipe(
        exchange(merge([pipe(operations$, tap(leave)), reads.source])),
        map(pass),
        filter((result) => result !== null),
      )
  }
}
