// @vitest-environment happy-dom
import { act, cleanup, configure, render, renderHook, screen, waitFor } from '@testing-library/react'
import { type ReactElement, type ReactNode, StrictMode } from 'react'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { useRetryContent } from '../../../client/apps/roadmaps/use-retry-content.ts'
import { TaskProgressDocument, type TaskProgressSubscription } from '../../../client/gql/graphql.ts'
import type { GeneratedTopic, TopicEvent } from '../../../client/kinds/generated-topic.ts'
import { TidingsProvider } from '../../../client/react/provider.ts'
import { sharedLiveOf } from '../../../client/react/shared-live.ts'
import { useTask } from '../../../client/react/tasks/use-task.ts'
import { useTasks } from '../../../client/react/tasks/use-tasks.ts'
import { useLive } from '../../../client/react/use-live.ts'
import { useTopic } from '../../../client/react/use-topic.ts'
import type { TaskEvent } from '../../../client/reduce/task-state.ts'
import { hangMs } from '../../support/patience.ts'
import { playHistory } from '../reduce/model.ts'
import { createDrivenClient, type DrivenClient } from './driven-client.ts'

configure({ asyncUtilTimeout: hangMs })

afterEach(() => {
  cleanup()
  vi.useRealTimers()
})

/** urql passes a subscription to its transport in a microtask. */
const settled = (): Promise<void> => act(async () => undefined)

const { events, snapshotAt } = playHistory([
  { do: 'start' },
  { do: 'declare', count: 2 },
  { do: 'item', index: 0, status: 'COMPLETED' },
  { do: 'item', index: 1, status: 'COMPLETED' },
  { do: 'complete' },
])
const eventAt = (seq: number): TaskEvent => {
  const event = events[seq - 1]
  if (event === undefined) throw new RangeError(`There is no event ${seq}`)
  return event
}
const summary = {
  id: 'task_1',
  kind: 'CREATE_ROADMAP',
  status: 'RUNNING',
  attempt: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  finishedAt: null,
  progress: { ...eventAt(2).progress },
  error: null,
}

function wrapper(client: DrivenClient, isStrict = true) {
  return ({ children }: { children: ReactNode }): ReactElement => {
    const provided = <TidingsProvider client={client}>{children}</TidingsProvider>
    return isStrict ? <StrictMode>{provided}</StrictMode> : provided
  }
}

function Seq({ id, onRender }: { id: string | null; onRender?: (seq: number) => void }): ReactElement {
  const { task, error } = useTask(id)
  onRender?.(task?.seq ?? -1)
  return <p>{error === null ? `${id} ${task?.seq ?? 'waits'} ${task?.status ?? ''}` : error.message}</p>
}

describe('useTask', () => {
  test('shows the snapshot, then each event, then the end, over one subscription under StrictMode', async () => {
    const client = createDrivenClient()
    render(<Seq id="task_1" />, { wrapper: wrapper(client) })
    await settled()
    expect(screen.getByText('task_1 waits')).toBeDefined()
    act(() => client.wire().send(snapshotAt(2)))
    expect(screen.getByText('task_1 2 RUNNING')).toBeDefined()
    const { send, complete } = client.wire()
    act(() => {
      for (const seq of [3, 4, 5, 6]) send(eventAt(seq))
      complete()
    })
    await screen.findByText('task_1 6 COMPLETED')
    expect(client.wires).toHaveLength(1)
    expect(client.wires[0]?.variables).toEqual({ taskId: 'task_1' })
  })

  test('shares a subscription between two components on one task, and a late one has the last state at its first render', async () => {
    const client = createDrivenClient()
    const rendered: number[] = []
    const page = (isBoth: boolean) => (
      <>
        <Seq id="task_1" />
        {isBoth ? <Seq id="task_1" onRender={(seq) => rendered.push(seq)} /> : null}
      </>
    )
    const { rerender } = render(page(false), { wrapper: wrapper(client) })
    await settled()
    act(() => client.wire().send(snapshotAt(3)))
    rerender(page(true))
    expect(rendered[0]).toBe(3)
    expect(screen.getAllByText('task_1 3 RUNNING')).toHaveLength(2)
    expect(client.wires).toHaveLength(1)
  })

  test('loads the next page of items, with the events that arrive meanwhile, for all components of the task', async () => {
    const played = playHistory([
      { do: 'start' },
      { do: 'declare', count: 1_100 },
      { do: 'item', index: 300, status: 'RUNNING' },
      { do: 'item', index: 300, status: 'COMPLETED' },
    ])
    const answer = Promise.withResolvers<unknown>()
    const client = createDrivenClient((_, { afterKey }) =>
      afterKey === 'i99' ? answer.promise : { errors: [{ message: 'Refused' }] },
    )
    const hook = { wrapper: wrapper(client, false) }
    const { result } = renderHook(() => useTask('task_1'), hook)
    const { result: other } = renderHook(() => useTask('task_1'), hook)
    await settled()
    expect(result.current.loadItems).toBeNull()
    act(() => client.wire().send(played.snapshotAt(3)))
    expect(result.current.task?.items.size).toBe(100)
    const loading = result.current.loadItems?.()
    // Only one page at a time.
    await other.current.loadItems?.()
    const [, , , started, completed] = played.events
    if (started === undefined || completed === undefined) throw new Error('The history is another')
    act(() => client.wire().send(started))
    act(() => client.wire().send(completed))
    // Read before the item was completed.
    const items = played.itemsAt(4).slice(100, 600)
    await act(async () => {
      answer.resolve({ data: { task: { __typename: 'Task', id: 'task_1', items } } })
      await loading
    })
    await waitFor(() => expect(other.current.task?.items.size).toBe(600))
    expect(result.current.task?.items.get('i300')).toMatchObject({ status: 'COMPLETED' })
    expect(client.requests).toEqual([{ operationName: 'TaskItems', variables: { id: 'task_1', afterKey: 'i99' } }])
    await expect(result.current.loadItems?.()).rejects.toThrow('Refused')
    expect(result.current.task?.items.size).toBe(600)
  })

  test('ends the subscription some time after unmounting, so that remounting finds the state unchanged', async () => {
    vi.useFakeTimers()
    const client = createDrivenClient()
    const page = (isThere: boolean) => (isThere ? <Seq id="task_1" /> : <p>elsewhere</p>)
    const { rerender } = render(page(true), { wrapper: wrapper(client) })
    await settled()
    act(() => client.wire().send(snapshotAt(3)))
    rerender(page(false))
    await act(() => vi.advanceTimersByTimeAsync(500))
    rerender(page(true))
    expect(screen.getByText('task_1 3 RUNNING')).toBeDefined()
    await act(() => vi.advanceTimersByTimeAsync(5_000))
    expect(client.wires).toHaveLength(1)
    expect(client.wires[0]?.isOpen).toBe(true)

    rerender(page(false))
    await act(() => vi.advanceTimersByTimeAsync(5_000))
    expect(client.wires[0]?.isOpen).toBe(false)
    expect(sharedLiveOf(client).size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('shows nothing of the previous task after the id changes, and ignores its late events', async () => {
    const client = createDrivenClient()
    const { rerender } = render(<Seq id="task_1" />, { wrapper: wrapper(client) })
    await settled()
    const first = client.wire()
    act(() => first.send(snapshotAt(3)))
    rerender(<Seq id="task_2" />)
    await settled()
    expect(screen.getByText('task_2 waits')).toBeDefined()
    act(() => first.send(eventAt(4)))
    expect(screen.getByText('task_2 waits')).toBeDefined()
    expect(client.wires.map(({ variables }) => variables['taskId'])).toEqual(['task_1', 'task_2'])
    rerender(<Seq id={null} />)
    expect(screen.getByText('null waits')).toBeDefined()
    await waitFor(() => expect(client.wires.every(({ isOpen }) => !isOpen)).toBe(true))
  })

  test('renders a burst at most once per 50 ms, always the first and the last of it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const client = createDrivenClient()
    const seen: number[] = []
    render(<Seq id="task_1" onRender={(seq) => seen.at(-1) !== seq && seen.push(seq)} />, {
      wrapper: wrapper(client, false),
    })
    await act(() => vi.advanceTimersByTimeAsync(1_000))
    act(() => client.wire().send(snapshotAt(1)))
    expect(seen).toEqual([-1, 1])
    for (const seq of [2, 3, 4]) act(() => client.wire().send(eventAt(seq)))
    expect(seen).toEqual([-1, 1])
    await act(() => vi.advanceTimersByTimeAsync(50))
    expect(seen).toEqual([-1, 1, 4])
    act(() => client.wire().send(eventAt(5)))
    act(() => client.wire().send(eventAt(6)))
    await act(() => vi.advanceTimersByTimeAsync(49))
    expect(seen).toEqual([-1, 1, 4])
    await act(() => vi.advanceTimersByTimeAsync(1))
    expect(seen).toEqual([-1, 1, 4, 6])
  })

  test('shows a refusal', async () => {
    const client = createDrivenClient()
    render(<Seq id="task_1" />, { wrapper: wrapper(client) })
    await settled()
    act(() => client.wire().refuse('There is no task "task_1"'))
    expect(screen.getByText(/There is no task/)).toBeDefined()
  })
})

describe('useLive', () => {
  const types = (state: readonly string[] = [], { taskProgress }: TaskProgressSubscription): readonly string[] => [
    ...state,
    taskProgress.__typename,
  ]

  test('folds any document with any reducer, separately from other reducers', async () => {
    const client = createDrivenClient()
    const { result } = renderHook(
      () => [
        useLive(TaskProgressDocument, { taskId: 'task_1' }, types),
        useLive(TaskProgressDocument, { taskId: 'task_1', fromStart: true }, types),
        useTask('task_1'),
      ],
      { wrapper: wrapper(client) },
    )
    await settled()
    expect(client.wires).toHaveLength(3)
    act(() => {
      for (const wire of client.wires) wire.send(snapshotAt(1))
    })
    expect(result.current[0]).toMatchObject({ state: ['TaskSnapshot'], isOver: false })
    act(() => client.wires[0]?.complete())
    expect(result.current[0]).toMatchObject({ state: ['TaskSnapshot'], isOver: false })
  })

  test('subscribes once although the reducer is created while rendering', async () => {
    const client = createDrivenClient()
    const { result, rerender } = renderHook(
      () => useLive(TaskProgressDocument, { taskId: 'task_1' }, (state: number | undefined) => (state ?? 0) + 1),
      { wrapper: wrapper(client, false) },
    )
    await settled()
    rerender()
    act(() => client.wire().send(snapshotAt(1)))
    rerender()
    expect(result.current.state).toBe(1)
    expect(client.wires).toHaveLength(1)
  })
})

const listOf = (nodes: readonly { readonly id: string }[], hasNextPage = false) => ({
  data: { tasks: { edges: nodes.map((node) => ({ cursor: `at ${node.id}`, node })), pageInfo: { hasNextPage } } },
})
/** Sends an event of `viewerUpdates` over its subscription, of which there is one. */
function sendUpdate(client: DrivenClient, update: object): void {
  const wires = client.wires.filter(({ isOpen, variables }) => isOpen && !('taskId' in variables))
  expect(wires).toHaveLength(1)
  act(() => wires[0]?.sendData({ viewerUpdates: update }))
}
const changed = (seq: number, task: typeof summary) => ({
  __typename: 'ViewerTaskChanged',
  cursor: `v${seq}`,
  seq,
  taskId: task.id,
  kind: task.kind,
  status: task.status,
  task,
})

describe('useTopic', () => {
  const order: GeneratedTopic = {
    topic: 'order',
    document:
      'subscription ($id: ID!, $after: Cursor) { orderUpdates(id: $id, after: $after) { __typename cursor seq at } }',
  }
  const count = (state: number | undefined, _event: TopicEvent): number => (state ?? 0) + 1

  test('folds the events of a topic, over one subscription for components with one reducer', async () => {
    const client = createDrivenClient()
    const hook = { wrapper: wrapper(client) }
    const { result } = renderHook(() => useTopic(order, '1', count), hook)
    const { result: other } = renderHook(() => useTopic(order, '1', count), hook)
    renderHook(() => useTopic(order, null, count), hook)
    await settled()
    expect(client.wire().variables).toEqual({ id: '1' })
    for (const seq of [1, 2])
      act(() => client.wire().sendData({ orderUpdates: { __typename: 'OrderClosed', cursor: `c${seq}`, seq, at: '' } }))
    await waitFor(() => expect([result.current.state, other.current.state]).toEqual([2, 2]))
  })
})

describe('useTasks', () => {
  test('adds, changes and removes tasks by viewer updates without a request, and fetches the list after a gap', async () => {
    const client = createDrivenClient(() => listOf([summary]))
    const { result } = renderHook(() => [useTasks({ watch: 0 }), useTasks({ watch: 0, first: 1 })] as const, {
      wrapper: wrapper(client),
    })
    const shown = (list = 0) => result.current[list]?.tasks.map(({ id, status }) => `${id} ${status}`)
    await waitFor(() => expect(shown()).toEqual(['task_1 RUNNING']))
    const snapshot = { __typename: 'ViewerSnapshot', cursor: 'v0', seq: 0, reason: 'SUBSCRIBED' }
    sendUpdate(client, snapshot)
    // Changes between the list and the first snapshot are in neither, so both lists are fetched again.
    await waitFor(() => expect(client.requests).toHaveLength(4))
    const second = { ...summary, id: 'task_2', createdAt: '2026-01-02T00:00:00.000Z' }
    sendUpdate(client, changed(1, { ...second, status: 'QUEUED' }))
    await waitFor(() => expect(shown()).toEqual(['task_2 QUEUED', 'task_1 RUNNING']))
    // The other list is full: the task that was listed has moved to its next page.
    expect(shown(1)).toEqual(['task_2 QUEUED'])
    expect(result.current[1]).toMatchObject({ hasNextPage: true })
    sendUpdate(client, changed(2, { ...summary, status: 'COMPLETED' }))
    await waitFor(() => expect(shown()).toEqual(['task_2 QUEUED', 'task_1 COMPLETED']))
    // An earlier state of a finished task, read before its end.
    sendUpdate(client, changed(3, summary))
    sendUpdate(client, { __typename: 'ViewerTaskRemoved', cursor: 'v4', seq: 4, taskId: 'task_2' })
    await waitFor(() => expect(shown()?.[0]).toMatch(/^task_1/))
    const lists = (): number => client.requests.length
    const before = lists()
    sendUpdate(client, { ...snapshot, cursor: 'v9', seq: 9, reason: 'LAGGED' })
    await waitFor(() => expect(lists()).toBe(before + 2))
  })

  test('filters by kind and status, also what viewer updates bring', async () => {
    const client = createDrivenClient(() => listOf([summary]))
    const filters = { watch: 0, status: ['RUNNING'], kind: ['CREATE_ROADMAP'] } as const
    const { result } = renderHook(() => useTasks(filters), { wrapper: wrapper(client) })
    const shown = () => result.current.tasks.map(({ id }) => id)
    await waitFor(() => expect(shown()).toEqual(['task_1']))
    expect(client.requests[0]?.variables).toMatchObject({ status: ['RUNNING'], kind: ['CREATE_ROADMAP'] })
    sendUpdate(client, { __typename: 'ViewerSnapshot', cursor: 'v0', seq: 0, reason: 'SUBSCRIBED' })
    sendUpdate(client, changed(1, { ...summary, id: 'task_0', kind: 'GENERATE_QUIZ' }))
    sendUpdate(client, changed(2, { ...summary, id: 'task_2' }))
    await waitFor(() => expect(shown().toSorted()).toEqual(['task_1', 'task_2']))
    sendUpdate(client, changed(3, { ...summary, status: 'FAILED' }))
    await waitFor(() => expect(shown()).toEqual(['task_2']))
  })

  test('lists the tasks of the server and those started here, in their current state, with one request', async () => {
    const client = createDrivenClient((operationName) =>
      operationName === 'Tasks'
        ? listOf([summary])
        : {
            data: {
              retryContent: {
                __typename: 'RetryContentSuccess',
                task: { ...summary, id: 'task_2', createdAt: '2026-01-02T00:00:00.000Z', status: 'QUEUED' },
                concept: null,
              },
            },
          },
    )
    const { result } = renderHook(() => ({ list: useTasks(), content: useRetryContent() }), {
      wrapper: wrapper(client),
    })
    const shown = () => result.current.list.tasks.map(({ id, status }) => `${id} ${status}`)
    await waitFor(() => expect(shown()).toEqual(['task_1 RUNNING']))
    await act(() => result.current.content.retry('concept_1', 'QUIZ'))
    expect(result.current.content).toMatchObject({ isSending: false, refusal: null, task: { id: 'task_2' } })
    expect(shown()).toEqual(['task_2 QUEUED', 'task_1 RUNNING'])
    const watched = client.wires.filter(({ isOpen }) => isOpen)
    act(() => watched.find(({ variables }) => variables['taskId'] === 'task_1')?.send(snapshotAt(6)))
    await waitFor(() => expect(shown()).toEqual(['task_2 QUEUED', 'task_1 COMPLETED']))
    expect(client.requests.map(({ operationName }) => operationName)).toEqual(['Tasks', 'RetryContent'])
  })

  test('keeps the identity of unchanged tasks so that only changed rows render', async () => {
    const nodes = [summary, { ...summary, id: 'task_2' }]
    const client = createDrivenClient(() => listOf(nodes))
    const { result } = renderHook(() => useTasks(), { wrapper: wrapper(client) })
    await waitFor(() => expect(result.current.tasks).toHaveLength(2))
    const wireOf = (id: string) =>
      client.wires.findLast(({ isOpen, variables }) => isOpen && variables['taskId'] === id)
    const snapshot = snapshotAt(2)
    if (snapshot.__typename !== 'TaskSnapshot') throw new TypeError('It is no snapshot')
    act(() => wireOf('task_1')?.send(snapshot))
    act(() => wireOf('task_2')?.send({ ...snapshot, taskId: 'task_2', task: { ...snapshot.task, id: 'task_2' } }))
    await waitFor(() => expect(result.current.states.size).toBe(2))
    const [first, second] = result.current.tasks
    act(() => wireOf('task_1')?.send(eventAt(3)))
    await waitFor(() => expect(result.current.tasks[0]).not.toBe(first))
    expect(result.current.tasks[1]).toBe(second)
  })
})

describe('useRetryContent', () => {
  test('shows the message of a refusal by the server', async () => {
    const client = createDrivenClient(() => ({
      data: {
        retryContent: {
          __typename: 'ConflictError',
          message: 'It is being made already.',
          runningTask: { id: 'task_9' },
        },
      },
    }))
    const { result } = renderHook(() => useRetryContent(), { wrapper: wrapper(client) })
    const outcome = await act(() => result.current.retry('concept_1', 'QUIZ'))
    expect(outcome).toMatchObject({ task: null, refusal: 'It is being made already.' })
    expect(result.current).toMatchObject({ isSending: false, refusal: 'It is being made already.' })
  })
})
