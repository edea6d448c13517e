import { act, render, screen } from '@testing-library/react'
import type { ReactElement } from 'react'
import { TidingsProvider, useStart } from 'tidings/react'
import { replay } from 'tidings/testing/client'
import { test } from 'vitest'
import { exportReport } from '../react/tidings.gen.ts'
import recording from './export-report.json' with { type: 'json' }

function Report(): ReactElement {
  const { start, task } = useStart(exportReport)
  const onClick = () => void start({ reportId: 'report_1', pages: 3 })
  if (task === null)
    return (
      <button type="button" onClick={onClick}>
        Export
      </button>
    )
  if (task.status === 'COMPLETED') return <a href={task.result.url}>{task.result.pages} pages</a>
  return <p>{task.progress.message ?? task.status}</p>
}

test('a report shows its progress, then its file', async () => {
  await using replayed = replay(recording)
  render(
    <TidingsProvider client={replayed.client}>
      <Report />
    </TidingsProvider>,
  )
  act(() => screen.getByText('Export').click())
  await screen.findByText('QUEUED')
  act(() => replayed.play('RUNNING'))
  await screen.findByText('RUNNING')
  // The start of the attempt, its first stage, its second stage, and the first page.
  for (let event = 0; event < 3; event++) act(() => void replayed.next())
  await screen.findByText('Page 1 of 3')
  act(() => replayed.play())
  await screen.findByText('3 pages')
})
