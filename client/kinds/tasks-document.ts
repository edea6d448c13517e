import type { TypedDocumentNode } from '@urql/core'
import type { TaskStatus, TaskSummaryFieldsFragment } from '../gql/graphql.ts'
import { taskSummaryText } from '../gql/task-texts.ts'
import type { TaskError } from '../reduce/task-state.ts'
import { toDocument } from './documents.ts'
import type { AnyKind, ErrorOf, TaskOf } from './generated-kind.ts'

type Summary = Omit<TaskSummaryFieldsFragment, 'kind' | 'status' | 'error'> & {
  /** The name of the kind, also of one that the server does not have any more. */
  readonly kindName: string
}
type ResultOf<K extends AnyKind> = Extract<TaskOf<K>, { readonly status: 'COMPLETED' }>['result']

/** A task in a list, of one of several kinds. `kind` and `status` select the types of `result` and `error`. */
export type ListedTask<K extends AnyKind> =
  | (K extends AnyKind
      ? Summary & { readonly kind: K['kind'] } & (
            | {
                readonly status: 'COMPLETED'
                /** Null also for a result that a version with another type has stored. */
                readonly result: ResultOf<K> | null
                readonly error: null
              }
            | { readonly status: 'FAILED'; readonly result: null; readonly error: ErrorOf<K> }
            | {
                readonly status: Exclude<TaskStatus, 'COMPLETED' | 'FAILED'>
                readonly result: null
                readonly error: ErrorOf<K> | null
              }
          )
      : never)
  | (Summary & {
      /** A kind that the server does not have any more: see `kindName`. */
      readonly kind: 'UNKNOWN'
      readonly status: TaskStatus
      readonly result: null
      readonly error: (TaskError & { readonly details: null }) | null
    })

/** A page of the viewer's tasks, newest first. */
export interface TaskPage<K extends AnyKind> {
  readonly tasks: {
    readonly nodes: readonly ListedTask<K>[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
  }
}

/** Which tasks a page has. */
export interface TaskPageVariables {
  /** The maximum number of tasks, up to 100. Defaults to that of the server. */
  readonly first?: number
  /** The `endCursor` of the previous page. */
  readonly after?: string | null
  /** Only tasks with these statuses. */
  readonly status?: readonly TaskStatus[]
}

/**
 * Returns the query of the viewer's tasks of several kinds, and of kinds that the server does not have any more (`UNKNOWN`). Create it
 * once, outside of components.
 *
 * @param kinds - kinds of `tidings.gen.ts`
 * @example
 * const tasksQuery = tasksDocument([exportReport, sendMail])
 * const [{ data }] = useQuery({ query: tasksQuery, variables: { first: 20 } })
 * for (const task of data?.tasks.nodes ?? [])
 *   if (task.kind === 'EXPORT_REPORT' && task.status === 'COMPLETED') console.log(task.result?.url)
 */
export function tasksDocument<const K extends readonly AnyKind[]>(
  kinds: K,
): TypedDocumentNode<TaskPage<K[number]>, TaskPageVariables> {
  const select = (field: 'result' | 'details'): string => {
    const fragments = kinds.flatMap((kind) => kind[field] ?? [])
    // A schema has these fields only if one of its kinds has a result, or an error with details.
    return fragments.length === 0 ? '' : `${field} { __typename ${fragments.join(' ')} }`
  }
  return toDocument(`query TasksOfKinds($first: Int, $after: String, $status: [TaskStatus!]) {
    tasks(kind: [${[...kinds.map(({ kind }) => kind), 'UNKNOWN'].join(' ')}], first: $first, after: $after, status: $status) {
      nodes { kindName ...TaskSummaryFields ${select('result')} error { __typename ${select('details')} } }
      pageInfo { hasNextPage endCursor }
    }
  } ${taskSummaryText}`) as TypedDocumentNode<TaskPage<K[number]>, TaskPageVariables>
}
