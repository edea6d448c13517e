import type { AnalyticsFigures } from '../../reduce/analytics.ts'

/** A count as people write it. */
export const formatCount = (count: number): string => count.toLocaleString()

/** A time for making a question: `340 ms`, `1.2 s`, `2.5 min`; a dash while there is none. */
export function formatTime(ms: number | null): string {
  if (ms === null) return '–'
  if (ms < 1_000) return `${ms} ms`
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`
}

/** A share of one, in percent; a dash while there is none. */
export function formatShare(share: number | null): string {
  return share === null ? '–' : `${Math.round(share * 100)} %`
}

/** The states of tasks in the order in which they are shown, in words. */
export const taskStates: readonly { readonly key: keyof AnalyticsFigures['tasks']; readonly title: string }[] = [
  { key: 'queued', title: 'Queued' },
  { key: 'running', title: 'Running' },
  { key: 'retrying', title: 'Retrying' },
  { key: 'completed', title: 'Completed' },
  { key: 'failed', title: 'Failed' },
  { key: 'canceled', title: 'Canceled' },
]
