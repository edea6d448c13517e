import { type ReactElement, useEffect, useState } from 'react'
import { useNow } from '../../react/index.ts'
import { describeSpan } from './labels.ts'
import { arrangeSpans, type Span, type StoredAttempt, type TaskStory } from './task-story.ts'

/** Items beyond this number are shown on request. */
const maxRows = 24

/**
 * The time line of a task: waits, attempts, stages and items as bars on one scale. Each row says in words what its bar shows.
 *
 * @param props.isOver - whether the task is finished; until then the bars that are open grow
 */
export function TimeLine(props: {
  readonly story: TaskStory
  readonly attempts: readonly StoredAttempt[]
  readonly isOver: boolean
}): ReactElement {
  const { story, attempts, isOver } = props
  const now = useNow(!isOver)
  const [isAll, setAll] = useState(false)
  const spans = arrangeSpans(story, attempts)
  const startedAt = Math.min(...spans.map((span) => span.startedAt))
  const last = Math.max(story.lastAt ?? 0, ...spans.map((span) => span.finishedAt ?? span.startedAt))
  // The clocks may differ: open bars grow by the time that passes here since the last event.
  const [lastReadAt, setLastReadAt] = useState(now)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new event is the reason to read the clock.
  useEffect(() => setLastReadAt(Date.now()), [last])
  const finishedAt = isOver ? last : last + Math.max(0, now - lastReadAt)
  const totalMs = Math.max(1, finishedAt - startedAt)
  const items = spans.filter(({ kind }) => kind === 'item')
  const hiddenCount = isAll ? 0 : Math.max(0, items.length - maxRows)
  const shownItems = new Set(items.slice(0, maxRows))
  const rows = hiddenCount === 0 ? spans : spans.filter((span) => span.kind !== 'item' || shownItems.has(span))
  if (spans.length === 0) return <p className="note">No events yet.</p>
  return (
    <>
      <div className="time-scale" aria-hidden="true">
        {[0, 0.5, 1].map((part) => (
          <span key={part}>{part === 0 ? '0' : describeSpan(part * totalMs)}</span>
        ))}
      </div>
      <ol className="time-line">
        {rows.map((span) => (
          <Row key={span.key} span={span} startedAt={startedAt} totalMs={totalMs} end={finishedAt} />
        ))}
      </ol>
      {items.length > maxRows ? (
        <button type="button" className="quiet" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? 'Show fewer items' : `Show ${hiddenCount} more items`}
        </button>
      ) : null}
      {story.hasMoreItems && hiddenCount === 0 ? (
        <p className="note">The first {items.length} items are shown.</p>
      ) : null}
      {story.isPartial ? <p className="note">Earlier events are no longer stored.</p> : null}
    </>
  )
}

const endings: Readonly<Record<Span['outcome'], string>> = {
  open: 'in progress',
  completed: '',
  failed: 'failed',
  canceled: 'canceled',
  lost: 'worker lost',
  'handed-over': 'handed over',
}

function Row(props: {
  readonly span: Span
  readonly startedAt: number
  readonly totalMs: number
  readonly end: number
}): ReactElement {
  const { span, startedAt, totalMs, end } = props
  const { kind, label, outcome } = span
  const spanMs = (span.finishedAt ?? end) - span.startedAt
  const percent = (ms: number): string => `${Math.min(100, Math.max(0, (100 * ms) / totalMs))}%`
  const ending = endings[outcome]
  return (
    <li className="time-row" data-kind={kind} data-outcome={outcome}>
      <span className="time-label" title={label}>
        {label}
      </span>
      <span className="time-track" aria-hidden="true">
        <span
          className="time-bar"
          style={{ insetInlineStart: percent(span.startedAt - startedAt), width: percent(spanMs) }}
        />
      </span>
      <span className="time-length">
        {describeSpan(spanMs)}
        {ending === '' ? null : <span className="time-ending"> {ending}</span>}
      </span>
    </li>
  )
}
