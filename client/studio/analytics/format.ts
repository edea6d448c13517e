import type { AnalyticsFigures } from '../../apps/analytics/reduce-analytics.ts'

/** Formats a count for the viewer's locale. */
export const formatCount = (count: number): string => count.toLocaleString()

/** Formats the time for making a question: `340 ms`, `1.2 s`, `2.5 min`; a dash for null. */
export function formatTime(ms: number | null): string {
  if (ms === null) return '–'
  if (ms < 1_000) return `${ms} ms`
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`
}

/** Formats a fraction of one as a percentage; a dash for null. */
export function formatShare(share: number | null): string {
  return share === null ? '–' : `${Math.round(share * 100)} %`
}

/** The task states with their titles, in display order. */
export const taskStates: readonly { readonly key: keyof AnalyticsFigures['tasks']; readonly title: string }[] = [
  { key: 'queued', title: 'Queued' },
  { key: 'running', title: 'Running' },
  { key: 'retrying', title: 'Retrying' },
  { key: 'completed', title: 'Completed' },
  { key: 'failed', title: 'Failed' },
  { key: 'canceled', title: 'Canceled' },
]
