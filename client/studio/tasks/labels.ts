import type { TaskKind, TaskStatus } from '../../gql/graphql.ts'
import { describeDuration } from '../../react/index.ts'
import { describeKind } from './task-actions.tsx'

/** The filters by status, by the word in the address. */
export const statusFilters: readonly {
  readonly name: string | null
  readonly title: string
  readonly status?: readonly TaskStatus[]
}[] = [
  { name: null, title: 'All' },
  { name: 'active', title: 'Active', status: ['QUEUED', 'RUNNING', 'RETRYING'] },
  { name: 'completed', title: 'Completed', status: ['COMPLETED'] },
  { name: 'failed', title: 'Failed', status: ['FAILED'] },
  { name: 'canceled', title: 'Canceled', status: ['CANCELED'] },
]

const kinds: Readonly<Record<TaskKind, readonly TaskKind[]>> = {
  CONVERT_DOCUMENT: ['CONVERT_DOCUMENT'],
  CREATE_ROADMAP: ['CREATE_ROADMAP'],
  RETRY_CONTENT: ['RETRY_CONTENT'],
  RETRY_FAILED_CONTENT: ['RETRY_FAILED_CONTENT'],
  GENERATE_QUIZ: ['GENERATE_QUIZ'],
  REPLACE_QUESTION: ['REPLACE_QUESTION'],
  GENERATE_PROJECT: ['GENERATE_PROJECT'],
  SYNC_PROJECT: ['SYNC_PROJECT'],
  REPLY: ['REPLY'],
  SELF_TEST: ['SELF_TEST'],
  UNKNOWN: ['UNKNOWN'],
}

/** The filters by kind. The word in the address is the name of the kind. */
export const kindFilters: readonly { readonly name: TaskKind; readonly title: string }[] = (
  Object.keys(kinds) as TaskKind[]
).map((name) => ({ name, title: describeKind(name) }))

/** Reads the filters of an address; undefined where there is none or an unknown one. The arrays are the same for equal words. */
export function readFilters(
  status: string | null,
  kind: string | null,
): { readonly status: readonly TaskStatus[] | undefined; readonly kind: readonly TaskKind[] | undefined } {
  return {
    status: statusFilters.find(({ name }) => name === status)?.status,
    kind: kind !== null && Object.hasOwn(kinds, kind) ? kinds[kind as TaskKind] : undefined,
  }
}

/** A length of time, also a short one: `340 ms`, `2.3 s`, `1 min 16 s`. */
export function describeSpan(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60 || seconds % 60 === 0 || seconds >= 3_600) return describeDuration(ms)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** The name of an event type without the prefix that all of them have: `Item completed`. */
export function describeEvent(type: string): string {
  const words = type
    .replace(/^Task/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
