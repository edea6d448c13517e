// @vitest-environment happy-dom
import { act, cleanup, configure, renderHook, waitFor } from '@testing-library/react'
import type { ReactElement, ReactNode } from 'react'
import { afterEach, describe, expect, test } from 'vitest'
import { TidingsProvider } from '../../../client/react/provider.ts'
import { useStart } from '../../../client/react/tasks/use-start.ts'
import { useTask } from '../../../client/react/tasks/use-task.ts'
import { exportReport } from '../../../examples/react/tidings.gen.ts'
import { hangMs } from '../../support/patience.ts'
import { playHistory } from '../reduce/model.ts'
import { createDrivenClient, type DrivenClient } from './driven-client.ts'

configure({ asyncUtilTimeout: hangMs })
afterEach(cleanup)

const settled = (): Promise<void> => act(async () => undefined)

const { events, snapshotAt } = playHistory([{ do: 'start' }, { do: 'complete' }])
const result = { __typename: 'ExportReportOutput', url: 'https://files.test/1', pages: 2 } as const
const error = { code: 'QUOTA', message: 'The quota is used up.', retryable: false, advice: null }
const details = { __typename: 'ExportReportQuotaError', resetsAt: '2030-01-01T00:00:00Z' } as const

/** Sends the snapshot of a running task, and the event that ends it. */
function play(client: DrivenClient, ending: object, kind = 'EXPORT_REPORT'): void {
  const { send, sendData } = client.wire()
  const snapshot = snapshotAt(2)
  if (snapshot.__typename !== 'TaskSnapshot') throw new Error('The history is another')
  act(() => send({ ...snapshot, task: { ...snapshot.task, kind: kind as never } }))
  act(() => sendData({ taskProgress: { ...events[2], ...ending } }))
}

function wrapper(client: DrivenClient) {
  return ({ children }: { children: ReactNode }): ReactElement => (
    <TidingsProvider client={client}>{children}</TidingsProvider>
  )
}

const summary = {
  __typename: 'Task',
  id: 'task_1',
  kind: 'EXPORT_REPORT',
  status: 'QUEUED',
  attempt: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  finishedAt: null,
  progress: { ...events[0]?.progress },
  error: null,
}
const success = { data: { exportReport: { __typename: 'ExportReportSuccess', task: summary } } }

describe('useStart', () => {
  test('starts a task with a key, and follows it to its typed result', async () => {
    const client = createDrivenClient(() => success)
    const { result: hook } = renderHook(() => useStart(exportReport), { wrapper: wrapper(client) })
    expect(hook.current).toMatchObject({ isStarting: false, id: null, task: null, refusal: null, error: null })
    let outcome: Awaited<ReturnType<typeof hook.current.start>> | undefined
    await act(async () => {
      outcome = await hook.current.start({ reportId: 'report_1', format: 'CSV' })
    })
    expect(outcome?.task?.id).toBe('task_1')
    expect(client.requests).toEqual([
      {
        operationName: 'ExportReport',
        variables: { input: { reportId: 'report_1', format: 'CSV', idempotencyKey: expect.any(String) } },
      },
    ])
    expect(hook.current).toMatchObject({ isStarting: false, id: 'task_1', task: null })
    play(client, { __typename: 'TaskCompleted', status: 'COMPLETED', result })
    await waitFor(() => expect(hook.current.task?.status).toBe('COMPLETED'))
    const { task } = hook.current
    if (task?.status !== 'COMPLETED') throw new Error('The task is not completed')
    const pages: number = task.result.pages
    expect([pages, task.result.url, task.kind]).toEqual([2, 'https://files.test/1', 'EXPORT_REPORT'])
  })

  test('uses the key of the caller', async () => {
    const client = createDrivenClient(() => success)
    const { result: hook } = renderHook(() => useStart(exportReport), { wrapper: wrapper(client) })
    await act(async () => void (await hook.current.start({ reportId: 'report_1', idempotencyKey: 'mine' })))
    expect(client.requests[0]?.variables).toEqual({ input: { reportId: 'report_1', idempotencyKey: 'mine' } })
  })

  test.each([
    [
      'an invalid input',
      {
        data: {
          exportReport: {
            __typename: 'InvalidInputError',
            message: 'No.',
            issues: [{ path: 'input.pages', message: '' }],
          },
        },
      },
      { __typename: 'InvalidInputError', issues: [{ path: 'input.pages' }] },
    ],
    [
      'a rate limit',
      { data: { exportReport: { __typename: 'RateLimitedError', message: 'No.', retryAfterMs: 7 } } },
      { __typename: 'RateLimitedError', retryAfterMs: 7 },
    ],
    [
      'a missing permission',
      { data: null, errors: [{ message: 'No.', extensions: { code: 'FORBIDDEN' } }] },
      { __typename: 'RequestError', code: 'FORBIDDEN' },
    ],
  ])('returns %s as a refusal, without an exception', async (_, answer, refusal) => {
    const client = createDrivenClient(() => answer)
    const { result: hook } = renderHook(() => useStart(exportReport), { wrapper: wrapper(client) })
    await act(async () => {
      const outcome = await hook.current.start({ reportId: 'report_1' })
      expect(outcome).toMatchObject({ task: null, refusal })
    })
    expect(hook.current).toMatchObject({ isStarting: false, id: null, refusal: { ...refusal, message: 'No.' } })
    expect(client.wires).toEqual([])
  })
})

describe('useTask with a kind', () => {
  const watch = async (client: DrivenClient) => {
    const { result: hook } = renderHook(() => useTask(exportReport, 'task_1'), { wrapper: wrapper(client) })
    await settled()
    return hook
  }

  test('returns the typed details of a failure', async () => {
    const client = createDrivenClient()
    const hook = await watch(client)
    play(client, { __typename: 'TaskFailed', status: 'FAILED', error: { ...error, details } })
    await waitFor(() => expect(hook.current.task?.status).toBe('FAILED'))
    const { task } = hook.current
    if (task?.status !== 'FAILED' || task.error.code !== 'QUOTA') throw new Error('The failure is another')
    const resetsAt: string | undefined = task.error.details?.resetsAt
    expect(resetsAt).toBe('2030-01-01T00:00:00Z')
  })

  test('reports a task of another kind instead of showing it with the wrong types', async () => {
    const client = createDrivenClient()
    const hook = await watch(client)
    play(client, { __typename: 'TaskCompleted', status: 'COMPLETED', result: null }, 'SEND_MAIL')
    await waitFor(() =>
      expect(hook.current.error?.message).toContain('of the kind SEND_MAIL and not of the kind EXPORT_REPORT'),
    )
    expect(hook.current.task).toBeNull()
  })

  test('reports a result that does not have the type of the kind any more', async () => {
    const client = createDrivenClient()
    const hook = await watch(client)
    play(client, { __typename: 'TaskCompleted', status: 'COMPLETED', result: null })
    await waitFor(() =>
      expect(hook.current.error?.message).toContain('does not have the type that EXPORT_REPORT has now'),
    )
    expect(hook.current.task).toBeNull()
  })
})
