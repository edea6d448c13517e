import { createStore, type Store } from '../../base/store.ts'
import type { TaskSummaryFieldsFragment } from '../../gql/graphql.ts'
import type { TidingsClient } from '../../tidings-client.ts'

/** The tasks started by this page, newest first. Lists show them without another request. */
interface StartedTasks extends Store<readonly TaskSummaryFieldsFragment[]> {
  /** Adds a task, or updates a known one. */
  add(task: TaskSummaryFieldsFragment): void
}

/** Older tasks are in the server's list. */
const maxTasks = 100
const ofClient = new WeakMap<TidingsClient, StartedTasks>()

/** Returns the started tasks of a client. */
export function startedTasksOf(client: TidingsClient): StartedTasks {
  const existing = ofClient.get(client)
  if (existing !== undefined) return existing
  const store = createStore<readonly TaskSummaryFieldsFragment[]>([])
  const started: StartedTasks = {
    subscribe: store.subscribe,
    getSnapshot: store.getSnapshot,
    add(task) {
      const otherTasks = store.getSnapshot().filter(({ id }) => id !== task.id)
      store.set([task, ...otherTasks].slice(0, maxTasks))
    },
  }
  ofClient.set(client, started)
  return started
}
