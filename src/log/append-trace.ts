import type { Tracing } from '../tracing/tracing.ts'
import type { Appended, AppendUnit } from './append-unit.ts'

/** Appends within a span of its own. The events carry the span's context to the deliveries. */
export function traceAppend(
  tracing: Tracing,
  unit: AppendUnit,
  append: (unit: AppendUnit) => Promise<Appended>,
): Promise<Appended> {
  const parent = tracing.current()
  const span = parent === undefined ? undefined : tracing.begin('append', { role: 'producer', parent })
  if (span === undefined) return append(unit)
  const facts = { 'tidings.topic': unit.topic, 'tidings.events': unit.events.map(({ type }) => type).join(' ') }
  return append({ ...unit, trace: span.traceParent }).then(
    (appended) => {
      if (appended.accepted) span.end({ ...facts, 'tidings.seq': appended.seq })
      else span.end(facts, 'refused')
      return appended
    },
    (error: unknown) => {
      span.end(facts, error instanceof Error ? error.name : 'error')
      throw error
    },
  )
}
