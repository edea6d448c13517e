import { print } from 'graphql'
import { expect, test } from 'vitest'
import { TaskProgressDocument, type TaskProgressSubscription } from '../../../client/gql/graphql.ts'
import { reduceTask, reduceTaskEvents } from '../../../client/reduce/task.ts'
import type { TaskEvent, TaskState } from '../../../client/reduce/task-state.ts'
import { type ApiFixture, startApi } from '../../support/api.ts'

const text = [
  '# Birds',
  ...['Owls', 'Robins', 'Terns'].map((name) => `## ${name}\n\n${`${name} are birds that fly. `.repeat(40)}`),
].join('\n\n')

async function* watch(api: ApiFixture, variables: Record<string, unknown>, catchUp = false): AsyncGenerator<TaskEvent> {
  for await (const data of api.watch(print(TaskProgressDocument), variables, { catchUp }))
    yield (data as TaskProgressSubscription).taskProgress
}

/** Excludes clock values, and fields that only snapshots or only events contain. */
function comparable(state: TaskState | undefined) {
  if (state === undefined) return undefined
  const { kind: _kind, maxAttempts: _max, nextAttemptAt: _next, at: _at, progress, items, outputs, ...rest } = state
  const { elapsedMs: _elapsed, remainingMs: _remaining, ...counted } = progress
  return { ...rest, progress: counted, items: [...items], outputs: [...outputs] }
}

test('events recorded from the server fold to the state of its snapshots, with failures, retries and resumption', async () => {
  await using api = await startApi()
  let busy = 2
  api.provider.script = ({ piece, title }) => {
    if (piece === 'QUIZ' && title.includes('Owls')) return 'fail'
    return piece === 'RESOURCES' && busy-- > 0 ? 'retry' : 'text'
  }
  const { taskId } = await api.startRoadmap(text)

  const live: TaskState[] = []
  const snapshots: TaskEvent[] = []
  let state: TaskState | undefined
  for await (const event of watch(api, { taskId })) {
    state = reduceTask(state, event)
    live.push(state)
    if (event.__typename === 'TaskItemCompleted')
      for await (const snapshot of watch(api, { taskId }, true)) snapshots.push(snapshot)
  }
  expect(state).toMatchObject({ status: 'COMPLETED', isOver: true })
  expect([...(state?.items.values() ?? [])].map(({ status }) => status)).toContain('FAILED')
  expect(state?.attempt).toBeGreaterThan(1)

  const history = await Array.fromAsync(watch(api, { taskId, fromStart: true }))
  expect(comparable(reduceTaskEvents(undefined, history))).toEqual(comparable(state))
  for (const snapshot of snapshots.filter(({ __typename }) => __typename === 'TaskSnapshot')) {
    const from = reduceTask(undefined, snapshot)
    expect(comparable(from)).toEqual(comparable(reduceTaskEvents(undefined, history.slice(0, snapshot.seq))))
    const rest = await Array.fromAsync(watch(api, { taskId, after: snapshot.cursor }))
    expect(comparable(reduceTaskEvents(from, rest))).toEqual(comparable(state))
  }
})
