import type { AnalyticsHour } from '../../apps/analytics/reduce-analytics.ts'

/** The displayed period and its steps. */
export type Span = 'day' | 'month'

/** The questions of one step. */
export interface Step {
  /** When the step begins, in milliseconds since 1970. */
  readonly startMs: number
  readonly generated: number
  readonly replaced: number
}

const hourMs = 3_600_000

/**
 * Groups hours into consecutive steps up to now: the last 24 hours one by one, or the last 30 days
 * of the viewer's calendar. Older hours are omitted.
 */
export function layOut(hours: readonly AnalyticsHour[], span: Span, now: number): readonly Step[] {
  const starts = span === 'day' ? hoursUpTo(now) : daysUpTo(now)
  const steps = starts.map((startMs) => ({ startMs, generated: 0, replaced: 0 }))
  for (const { hour, generatedCount, replacedCount } of hours) {
    const step = steps.findLast(({ startMs }) => startMs <= Date.parse(hour))
    if (step === undefined) continue
    step.generated += generatedCount
    step.replaced += replacedCount
  }
  return steps
}

function hoursUpTo(now: number): number[] {
  const last = Math.floor(now / hourMs) * hourMs
  return Array.from({ length: 24 }, (_, index) => last - (23 - index) * hourMs)
}

function daysUpTo(now: number): number[] {
  // Uses the calendar instead of adding 24 hours, as some days are longer.
  const today = new Date(now)
  return Array.from({ length: 30 }, (_, index) =>
    new Date(today.getFullYear(), today.getMonth(), today.getDate() - (29 - index)).getTime(),
  )
}
