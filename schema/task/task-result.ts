import type { ObjectRef } from '@pothos/core'
import type { JsonObject } from '../../src/db/tables.ts'
import type { Types } from '../kit/builder.ts'
import type { Context } from '../kit/context.ts'
import type { Kit } from '../kit/kit.ts'
import type { EventSource } from './task-event.ts'

/** The stored result of a task; `type` selects the member of the union `TaskResult`. */
export interface StoredResult {
  readonly type: string
}
/** The source of a member of `TaskResult`. */
export interface ResultSource extends JsonObject {
  readonly __typename: string
}

/**
 * Prepares the union `TaskResult` with the fields that return it. All of them are added with the first member, as GraphQL has no
 * empty unions: a schema whose kinds have no results has none of them.
 */
export function addTaskResults({ builder, taskRef }: Kit, taskCompleted: ObjectRef<Types, EventSource>) {
  /** The names of members by the `type` of the stored result. */
  const byType = new Map<string, string>()
  /** The names of members by the kind of their tasks; null for a kind without results. */
  const byKind = new Map<string, string | null>()

  /**
   * Converts a stored result to the source of the union.
   *
   * @returns null without a result, and for a result of a kind or `type` unknown to this version, which is reported
   * through `context`
   */
  function toResult(
    kind: string | undefined,
    result: JsonObject | null,
    context: Pick<Context, 'noteUnknownResult'>,
  ): ResultSource | null {
    const nameOfKind = byKind.get(kind ?? '')
    if (result === null || nameOfKind === null) return null
    const { type } = result
    const name = nameOfKind ?? (typeof type === 'string' ? byType.get(type) : undefined)
    if (name !== undefined) return { ...result, __typename: name }
    context.noteUnknownResult?.(type ?? kind)
    return null
  }

  const createUnion = () => {
    const union = builder.unionType('TaskResult', {
      description: 'The result of a task, with one type per kind. New types may be added: keep a default branch.',
      types: [] as ObjectRef<Types, ResultSource>[],
      resolveType: ({ __typename }) => __typename,
    })
    builder.objectField(taskRef, 'result', (t) =>
      t.field({
        type: union,
        nullable: true,
        description: 'The result; null until the task is completed.',
        resolve: ({ task }, _, context) => toResult(task.kind, task.result, context),
      }),
    )
    builder.objectField(taskCompleted, 'result', (t) =>
      t.field({
        type: union,
        nullable: true,
        description: 'The result; null for kinds without one.',
        resolve: ({ payload, earlier }, _, context) =>
          toResult(earlier?.kind, (payload['result'] ?? null) as JsonObject | null, context),
      }),
    )
    return union
  }
  let created: ReturnType<typeof createUnion> | undefined
  // All sources are made by `toResult`; the refs of the members name the stored parts that they read.
  const add = (refs: readonly unknown[]): void => {
    created ??= createUnion()
    created.addTypes(refs as ObjectRef<Types, ResultSource>[])
  }

  return {
    toResult,
    /** Adds members to `TaskResult`. @param added - each by the `type` of the results that it represents */
    defineTaskResults(added: Readonly<Record<string, ObjectRef<Types, StoredResult>>>): void {
      for (const [type, ref] of Object.entries(added)) byType.set(type, ref.name)
      add(Object.values(added))
    },
    /** Adds the member that represents all results of a kind. @param ref - null when its tasks have none */
    defineResultOfKind(kind: string, ref: { readonly name: string } | null): void {
      byKind.set(kind, ref?.name ?? null)
      if (ref !== null) add([ref])
    },
  }
}

/** The functions that {@link addTaskResults} returns. */
export type TaskResults = ReturnType<typeof addTaskResults>
