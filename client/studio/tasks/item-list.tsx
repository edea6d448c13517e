import { memo, type ReactElement, useState } from 'react'
import type { TaskItem, TaskState } from '../../index.ts'
import { describeError, type LiveTask } from '../../react/index.ts'
import { Problem } from '../parts/problem.tsx'

/** The number of items that are shown at first, and added by each click. */
const rowsPerClick = 50

const statusWords: Readonly<Record<TaskItem['status'], string>> = {
  PENDING: 'Waiting',
  RUNNING: 'In progress',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
  SKIPPED: 'Skipped',
}

/** The items of a task in their order, with their status: the first ones, and more on request. */
export function ItemList(props: {
  readonly task: TaskState
  readonly loadItems: LiveTask['loadItems']
}): ReactElement | null {
  const { task, loadItems } = props
  const { items, progress } = task
  const [maxShown, setShown] = useState(rowsPerClick)
  const [failure, setFailure] = useState<string | null>(null)
  if (progress.totalItems === 0) return null
  const showMore = async (): Promise<void> => {
    setFailure(null)
    try {
      if (maxShown + rowsPerClick > items.size) await loadItems?.()
      setShown(maxShown + rowsPerClick)
    } catch (error) {
      setFailure(describeError(error as Parameters<typeof describeError>[0]))
    }
  }
  const shownCount = Math.min(maxShown, items.size)
  return (
    <section aria-labelledby="task-items">
      <h2 id="task-items">
        Items <span className="note">{progress.totalItems.toLocaleString('en')}</span>
      </h2>
      <ol className="item-list">
        {[...items.values()].slice(0, maxShown).map((item) => (
          <Row key={item.key} item={item} />
        ))}
      </ol>
      {shownCount < progress.totalItems ? (
        <p className="note">
          The first {shownCount.toLocaleString('en')} are shown.{' '}
          <button type="button" className="quiet" onClick={() => void showMore()}>
            Show more items
          </button>
        </p>
      ) : null}
      {failure === null ? null : (
        <p className="failure" role="alert">
          {failure}
        </p>
      )}
    </section>
  )
}

/** An item keeps its identity until an event changes it. */
const Row = memo(function Row({ item }: { readonly item: TaskItem }): ReactElement {
  const { key, label, status, error } = item
  return (
    <li className="item-row" data-status={status}>
      <span className="item-label">{label === '' ? key : label}</span>
      <span className="note">{statusWords[status]}</span>
      {error === null ? null : (
        <span className="failure">
          <Problem error={error} />
        </span>
      )}
    </li>
  )
})
