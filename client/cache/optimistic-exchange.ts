import type { Exchange, Operation, OperationResult } from '@urql/core'
import type { ValueNode } from 'graphql'
import { makeSubject, map, merge, pipe, tap } from 'wonka'
import { after } from '../base/environment.ts'
import { patchData } from './patch.ts'

/** The predicted fields of one object after a mutation is carried out. */
export interface Assumption {
  readonly type: string
  readonly id: string
  readonly fields: Readonly<Record<string, unknown>>
}

/**
 * The predictions for mutations: by the name of the mutation's field, a function of its arguments.
 */
export type Assumptions = Readonly<Record<string, (args: Readonly<Record<string, unknown>>) => Assumption>>

/** The last result of an active query. */
interface Shown {
  /** As the cache returned it. */
  readonly result: OperationResult
  /** As it was passed on. */
  readonly overlaid: OperationResult
}

/**
 * Shows the predicted effects of mutations, from the moment they are made until they are answered:
 * an overlay over the results of all active queries.
 *
 * graphcache's own optimistic layers are not used: they withhold the results of mutations until all
 * of them are answered, and show nothing while a query is being refetched.
 *
 * Must come directly before the cache.
 *
 * @param objectTypes - the names of the schema's object types
 */
export function optimisticExchange(assumptions: Assumptions, objectTypes: { has(name: string): boolean }): Exchange {
  return ({ forward }) => {
    const queries = new Map<number, Shown>()
    /** Keyed by mutation, see {@link identify}. */
    const assumptionsByMutation = new Map<unknown, readonly Assumption[]>()
    const again = makeSubject<OperationResult>()

    const overlay = (result: OperationResult): OperationResult => {
      const { operation, data } = result
      if (assumptionsByMutation.size === 0 || data === undefined || data === null) return result
      const all = [...assumptionsByMutation.values()].flat()
      const patchedData = patchData(
        operation.query,
        data as Record<string, unknown>,
        objectTypes,
        (type, id, field) => {
          const isMeant = (assumption: Assumption): boolean =>
            assumption.id === id && (type ?? assumption.type) === assumption.type
          return all.findLast((assumption) => isMeant(assumption) && field in assumption.fields)?.fields[field]
        },
      )
      return patchedData.data === data ? result : { ...result, data: patchedData.data }
    }
    /** Passes a result on again, with the current predictions applied. */
    const showAgain = ({ result, overlaid: { stale } }: Shown): void => {
      const overlaid = { ...overlay(result), stale }
      queries.set(result.operation.key, { result, overlaid })
      again.next(overlaid)
    }
    const take = (operation: Operation): void => {
      if (operation.kind === 'teardown') queries.delete(operation.key)
      if (operation.kind !== 'mutation') return
      const newAssumptions = findAssumptions(operation, assumptions)
      if (newAssumptions.length === 0) return
      assumptionsByMutation.set(identify(operation), newAssumptions)
      // Deferred, so that no result is emitted within the call that makes the mutation.
      queueMicrotask(() => {
        for (const query of [...queries.values()]) if (overlay(query.result) !== query.result) showAgain(query)
      })
    }
    const pass = (result: OperationResult): OperationResult => {
      const { operation } = result
      if (operation.kind === 'query') {
        const overlaid = overlay(result)
        queries.set(operation.key, { result, overlaid })
        return overlaid
      }
      if (operation.kind !== 'mutation' || !assumptionsByMutation.delete(identify(operation))) return result
      const overlaidQueries = [...queries.values()].filter((query) => query.overlaid.data !== query.result.data)
      // Deferred, as the cache is about to show the effects of the response, and nothing may
      // flicker in between.
      after(0, () => {
        for (const query of overlaidQueries) if (queries.get(query.result.operation.key) === query) showAgain(query)
      })
      return result
    }
    return (operations$) => merge([pipe(forward(pipe(operations$, tap(take))), map(pass)), again.source])
  }
}

/** Equal mutations share a key; urql distinguishes them by an object in their contexts. */
function identify({ key, context }: Operation): unknown {
  return context._instance ?? key
}

function findAssumptions({ query, variables }: Operation, assumptions: Assumptions): readonly Assumption[] {
  const operation = query.definitions.find((definition) => definition.kind === 'OperationDefinition')
  return (operation?.selectionSet.selections ?? []).flatMap((selection) => {
    if (selection.kind !== 'Field') return []
    const assume = assumptions[selection.name.value]
    if (assume === undefined) return []
    const variableValues = (variables ?? {}) as Readonly<Record<string, unknown>>
    const args = (selection.arguments ?? []).map(
      ({ name, value }) => [name.value, readValue(value, variableValues)] as const,
    )
    return [assume(Object.fromEntries(args))]
  })
}

/** Reads the value of an argument. Numbers stay strings, as no prediction needs them. */
function readValue(node: ValueNode, variables: Readonly<Record<string, unknown>>): unknown {
  if (node.kind === 'Variable') return variables[node.name.value]
  if (node.kind === 'NullValue') return null
  if (node.kind === 'ListValue') return node.values.map((value) => readValue(value, variables))
  if (node.kind !== 'ObjectValue') return node.value
  return Object.fromEntries(node.fields.map(({ name, value }) => [name.value, readValue(value, variables)]))
}
