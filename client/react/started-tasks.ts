import type { TaskSummaryFieldsFragment } from '../gql/graphql.ts'
import { createStore, type Store } from '../live/store.ts'
import type { TidingsClient } from '../tidings-client.ts'

/** The tasks that were started here, newest first: lists show them without asking the server again. */
export interface StartedTasks extends Store<readonly TaskSummaryFieldsFragment[]> {
  /** Also takes note of a newer word on a task that is known. */
  add(task: TaskSummaryFieldsFragment): void
}

/** Older ones are in what the server lists. */
const maxTasks = 100
const ofClient = new WeakMap<TidingsClient, StartedTasks>()

/** Those of a client. */
export function startedTasksOf(client: TidingsClient): StartedTasks {
  const known = ofClient.get(client)
  if (known !== undefined) return known
  const store = createStore<readonly TaskSummaryFieldsFragment[]>([])
  const started: StartedTasks = {
    subscribe: store.subscribe,
    getSnapshot: store.getSnapshot,
    add(task) {
      const others = store.getSnapshot().filter(({ id }) => id !== task.id)
      store.set([task, ...others].slice(0, maxTasks))
    },
  }
  ofClient.set(client, started)
  return started
}
