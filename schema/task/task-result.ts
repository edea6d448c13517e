import type { ObjectRef } from '@pothos/core'
import type { JsonObject } from '../../src/db/tables.ts'
import { builder, type Types } from '../kit/builder.ts'
import type { Context } from '../kit/context.ts'

/** The stored result of a task; `type` selects the member of the union `TaskResult`. */
interface StoredResult {
  readonly type: string
}

/** The members of the union by the `type` of the stored result. */
const members = new Map<string, ObjectRef<Types, StoredResult>>()

/** `TaskResult`: the members that {@link defineTaskResults} adds. */
export const taskResult = builder.unionType('TaskResult', {
  description: 'The result of a task, with one type per kind. New types may be added: keep a default branch.',
  types: [] as ObjectRef<Types, StoredResult>[],
  resolveType: ({ type }) => members.get(type)?.name,
})

/** Adds members to `TaskResult`. @param added - each by the `type` of the results that it represents */
export function defineTaskResults(added: Readonly<Record<string, ObjectRef<Types, StoredResult>>>): void {
  for (const [type, ref] of Object.entries(added)) members.set(type, ref)
  taskResult.addTypes(Object.values(added))
}

/**
 * Converts a stored result to the source of the union `TaskResult`.
 *
 * @returns null without a result, and for a `type` unknown to this version, which is reported
 * through `context`
 */
export function toResult(result: JsonObject | null, context: Pick<Context, 'noteUnknownResult'>): StoredResult | null {
  if (result === null) return null
  const { type } = result
  // Written by a task kind under the type name checked here.
  if (typeof type === 'string' && members.has(type)) return result as unknown as StoredResult
  context.noteUnknownResult?.(type)
  return null
}
