// @vitest-environment happy-dom
import { act, cleanup, render, screen } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { RetryButton } from '../../../client/apps/roadmaps/retry-button.tsx'
import { ConnectionIndicator } from '../../../client/react/components/connection-indicator.tsx'
import { ProgressBar } from '../../../client/react/components/progress-bar.tsx'
import { QueuePosition } from '../../../client/react/components/queue-position.tsx'
import { describeDuration, describePlace } from '../../../client/react/describe.ts'
import { TidingsProvider } from '../../../client/react/provider.ts'
import { unknownTask } from '../../../client/reduce/task-state.ts'
import { createDrivenClient } from './driven-client.ts'

afterEach(cleanup)

const running = (percent: number, stage = 'generating') => {
  const task = unknownTask('task_1')
  const progress = { ...task.progress, percent, stage, totalItems: 12, completedItems: 5, failedItems: 1 }
  return { ...task, status: 'RUNNING' as const, progress: { ...progress, elapsedMs: 61_000, remainingMs: 20_000 } }
}

test('the progress bar shows stage, percent, items, elapsed and remaining time, visibly and to assistive technology', () => {
  render(<ProgressBar task={running(43.7)} label="Birds" />)
  const bar = screen.getByRole('progressbar', { name: 'Birds' })
  expect(bar.getAttribute('aria-valuenow')).toBe('43')
  expect(bar.getAttribute('aria-valuetext')).toBe('Generating, 43 percent')
  for (const text of ['Generating', '5 of 12, 1 failed', '1 min, about 20 s left', '43 %'])
    expect(screen.getByText(text)).toBeDefined()
})

test('the text of a progress bar is readable without a style sheet', () => {
  const { container } = render(<ProgressBar task={running(43.7)} label="Birds" isQuiet />)
  expect(container.textContent?.replaceAll(/\s+/g, ' ').trim()).toBe(
    'Generating 5 of 12, 1 failed 1 min, about 20 s left 43 %',
  )
})

test('every text of the components can be replaced', () => {
  const client = createDrivenClient()
  const words = {
    duration: (ms: number) => `${Math.round(ms / 1_000)} Sek.`,
    status: () => 'Läuft',
    percent: (percent: number) => `${percent} Prozent`,
    value: (status: string, percent: number) => `${status}, ${percent} Prozent`,
    announcement: () => 'Läuft noch',
    items: ({ completed, total }: { readonly completed: number; readonly total: number }) =>
      `${completed} von ${total}`,
    times(elapsedMs: number) {
      return `seit ${words.duration(elapsedMs)}`
    },
    queue: ({ position }: { readonly position: number }) => `Nummer ${position}`,
    wait: (ms: number) => `etwa ${words.duration(ms)}`,
    connection: () => ({ title: 'Verbunden', details: ['Über WebSocket.'] }),
    tryNow: 'Jetzt versuchen',
    retry: 'Wiederholen',
  }
  const { container } = render(
    <TidingsProvider client={client} words={words}>
      <ProgressBar task={running(43.7)} label="Vögel" />
      <QueuePosition queue={{ position: 3, waiting: 7, estimatedWaitMs: 90_000 }} />
      <ConnectionIndicator />
      <RetryButton conceptId="concept_1" piece="QUIZ" label="Quiz wiederholen" />
    </TidingsProvider>,
  )
  expect(container.textContent?.replaceAll(/\s+/g, ' ').trim()).toBe(
    'Läuft 5 von 12 seit 61 Sek. 43 ProzentVögel: Läuft nochNummer 3 · etwa 90 Sek.VerbundenÜber WebSocket.Wiederholen',
  )
  expect(screen.getByRole('progressbar').getAttribute('aria-valuetext')).toBe('Läuft, 43 Prozent')
  act(() => client.connection.set({ ...client.connection.getSnapshot(), status: 'closed' }))
  expect(screen.getByRole('button', { name: 'Jetzt versuchen' })).toBeDefined()
})

test('a replaced duration appears in the texts that contain one', () => {
  const words = { duration: (ms: number) => `${ms} milliseconds` }
  render(
    <TidingsProvider client={createDrivenClient()} words={words}>
      <QueuePosition queue={{ position: 3, waiting: 7, estimatedWaitMs: 90_000 }} />
    </TidingsProvider>,
  )
  expect(screen.getByText(/about 90000 milliseconds/)).toBeDefined()
})

test('a screen reader announces stages and quarters, not every percent', () => {
  const told = new Set<string>()
  const { rerender } = render(<ProgressBar task={running(0)} label="Birds" />)
  for (const stage of ['structuring', 'generating'])
    for (let percent = 0; percent <= 99; percent++) {
      rerender(<ProgressBar task={running(percent, stage)} label="Birds" />)
      told.add(screen.getByRole('status').textContent ?? '')
    }
  expect([...told]).toEqual([
    'Birds: Structuring.',
    'Birds: Structuring, 25 percent.',
    'Birds: Structuring, 50 percent.',
    'Birds: Structuring, 75 percent.',
    'Birds: Generating.',
    'Birds: Generating, 25 percent.',
    'Birds: Generating, 50 percent.',
    'Birds: Generating, 75 percent.',
  ])
})

test('the queue position is shown as text', () => {
  const { container, rerender } = render(<QueuePosition queue={{ position: 3, waiting: 7, estimatedWaitMs: 90_000 }} />)
  expect(container.textContent).toBe('3rd of 7 in the queue · about 2 min')
  rerender(<QueuePosition queue={{ position: 1, waiting: 7, estimatedWaitMs: null }} />)
  expect(container.textContent).toBe('Next in the queue')
  rerender(<QueuePosition queue={null} />)
  expect(container.textContent).toBe('')
})

test.each([
  [1, 'Next in the queue'],
  [2, '2nd of 30 in the queue'],
  [11, '11th of 30 in the queue'],
  [22, '22nd of 30 in the queue'],
])('queue position %i reads "%s"', (position, words) => {
  expect(describePlace({ position, waiting: 30, estimatedWaitMs: null })).toBe(words)
})

test.each([
  [0, '1 s'],
  [59_400, '59 s'],
  [60_000, '1 min'],
  [3_600_000, '1 h'],
  [3_900_000, '1 h 5 min'],
])('%i ms read "%s"', (ms, words) => {
  expect(describeDuration(ms)).toBe(words)
})

test('the connection indicator shows the state and its reason', () => {
  const client = createDrivenClient()
  const { container } = render(
    <TidingsProvider client={client}>
      <ConnectionIndicator />
    </TidingsProvider>,
  )
  expect(screen.getByRole('status').textContent).toBe('Live')
  const before = client.connection.getSnapshot()
  act(() =>
    client.connection.set({
      ...before,
      status: 'reconnecting',
      attempt: 3,
      reason: 'The server went away.',
      nextTryAt: Date.now() + 4_100,
    }),
  )
  expect(screen.getByRole('status').textContent).toBe('Reconnecting')
  expect(container.textContent).toContain('The server went away.')
  expect(container.textContent).toContain('Attempt 3. Next try in 4 s.')
  expect(screen.getByRole('button', { name: 'Try now' })).toBeDefined()
  act(() =>
    client.connection.set({ ...before, status: 'degraded', transport: 'polling', reason: 'Sockets are blocked.' }),
  )
  expect(container.textContent).toContain('Delayed')
  expect(container.textContent).toContain('Over polling.')
})

test('the retry button names its target, waits for the result and shows a refusal', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const client = createDrivenClient(() => promise)
  const started: string[] = []
  render(
    <TidingsProvider client={client}>
      <RetryButton
        conceptId="concept_1"
        piece="QUIZ"
        label="Retry the quiz of Owls"
        onStarted={(id) => started.push(id)}
      />
    </TidingsProvider>,
  )
  const button = screen.getByRole('button', { name: 'Retry the quiz of Owls' })
  act(() => button.click())
  expect(button.hasAttribute('disabled')).toBe(true)
  resolve({ data: { retryContent: { __typename: 'NotFoundError', message: 'The concept is gone.' } } })
  expect((await screen.findByRole('alert')).textContent).toBe('The concept is gone.')
  expect(button.hasAttribute('disabled')).toBe(false)
  expect(started).toEqual([])
})
