import { memo, type ReactElement, useState } from 'react'
import { formatMoment, formatSecond } from '../parts/dates.ts'
import { describeEvent } from './labels.ts'
import type { LogEntry, TaskStory } from './task-story.ts'

const pageLength = 30
/** Longer payloads are cut off: a page must stay usable. */
const maxPayloadLength = 10_000

/** The events of a task as they arrive, newest first, with their payloads. */
export function EventLog({ story }: { readonly story: TaskStory }): ReactElement {
  const [shownCount, setShown] = useState(pageLength)
  const { entries, eventCount } = story
  const visible = entries.slice(-shownCount).toReversed()
  return (
    <>
      <ol className="event-log" reversed>
        {visible.map((entry) => (
          <Entry key={entry.key} entry={entry} />
        ))}
      </ol>
      {entries.length > shownCount ? (
        <button type="button" className="quiet" onClick={() => setShown(shownCount + 100)}>
          Show older events
        </button>
      ) : null}
      {eventCount > entries.length && entries.length <= shownCount ? (
        <p className="note">The latest {entries.length} events are shown.</p>
      ) : null}
    </>
  )
}

const Entry = memo(function Entry({ entry }: { readonly entry: LogEntry }): ReactElement {
  const { seq, type, at, payload } = entry
  const [isOpen, setOpen] = useState(false)
  return (
    <li>
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          <span className="event-seq">{seq}</span> <span className="event-type">{describeEvent(type)}</span>{' '}
          <time dateTime={at} title={formatSecond(at)}>
            {formatMoment(at)}
          </time>
        </summary>
        {/* Formatted when it is opened: there may be hundreds. */}
        {isOpen ? <Json value={payload} label={`Payload of event ${seq}`} /> : null}
      </details>
    </li>
  )
})

/** A JSON value as text, cut off when it is very long. */
export function Json({ value, label }: { readonly value: unknown; readonly label: string }): ReactElement {
  const text = JSON.stringify(value, null, 2) ?? 'null'
  return (
    <TextBlock text={text.length > maxPayloadLength ? `${text.slice(0, maxPayloadLength)} …` : text} label={label} />
  )
}

/** A long text in a box that scrolls, also by keyboard. */
export function TextBlock({ text, label }: { readonly text: string; readonly label: string }): ReactElement {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="text-block" aria-label={label} tabIndex={0}>
      <pre>{text}</pre>
    </section>
  )
}
