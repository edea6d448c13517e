import { useMemo, useSyncExternalStore } from 'react'
import { taskDocumentOf } from '../../kinds/documents.ts'
import type { TaskState } from '../../reduce/task-state.ts'
import { useTidings } from '../provider.ts'
import { type Live, sharedLiveOf } from '../shared-live.ts'
import { reduceTaskProgress } from './use-task.ts'

/**
 * Watches several tasks. The subscription of each is shared with all other components that watch
 * it. A task has no entry before its snapshot has arrived.
 *
 * @param ids - the tasks to watch; a finished task keeps its entry as long as its id is in the list
 * @example
 * const tasks = useManyTasks(ids)
 * const isRunning = ids.some((id) => tasks.get(id)?.status === 'RUNNING')
 */
export function useManyTasks(ids: readonly string[]): ReadonlyMap<string, TaskState> {
  const client = useTidings()
  const shared = sharedLiveOf(client)
  const key = ids.join()
  const { subscribe, read } = useMemo(() => {
    const sources = (key === '' ? [] : key.split(',')).map((taskId) => ({
      document: taskDocumentOf(client),
      variables: { taskId },
      reducer: reduceTaskProgress,
    }))
    let last: readonly Live<TaskState>[] = []
    let states: ReadonlyMap<string, TaskState> = new Map()
    return {
      subscribe(listener: () => void) {
        const ends = sources.map((source) => shared.subscribe(source, listener))
        return () => {
          for (const end of ends) end()
        }
      },
      read() {
        const now = sources.map((source) => shared.read(source))
        if (now.length === last.length && now.every((live, index) => live === last[index])) return states
        last = now
        states = new Map(now.flatMap(({ state }) => (state === undefined ? [] : [[state.id, state]])))
        return states
      },
    }
  }, [client, shared, key])
  return useSyncExternalStore(subscribe, read, read)
}
