import { type ReactElement, useId } from 'react'
import { ConnectionIndicator } from '../react/connection-indicator.tsx'
import { useConnection } from '../react/use-connection.ts'
import { useTasks } from '../react/use-tasks.ts'
import { describeConnection } from '../react/words.ts'
import { isFinalStatus } from '../reduce/task.ts'
import { Mark } from './icons.tsx'
import { Link } from './link.tsx'
import { Nav } from './nav.tsx'
import { Bell } from './notifications/bell.tsx'
import { TaskList } from './task-list.tsx'
import { useWhenBack } from './use-when-back.ts'

/** Where one is, what runs, and how the page stands to the server. */
export function Header(): ReactElement {
  const panel = useId()
  // The inbox is watched too, and what a page is about: with event streams a browser has six connections.
  const list = useTasks({ first: 20, watch: 3 })
  useWhenBack(list.error !== null, list.refetch)
  const active = list.tasks.filter(({ status }) => !isFinalStatus(status)).length
  return (
    <header className="top">
      <Link to={{}} className="brand" label="Tidings, to the start">
        <Mark />
        <span>Tidings</span>
      </Link>
      <Nav />
      <div className="top-end">
        <button type="button" className="quiet" popoverTarget={panel}>
          Tasks
          {active > 0 ? (
            <span className="count">
              {active}
              <span className="tidings-hidden"> running</span>
            </span>
          ) : null}
        </button>
        <div id={panel} popover="auto" className="panel" role="dialog" aria-label="Your tasks">
          <TaskList list={list} />
        </div>
        <Bell />
        <Connection />
      </div>
    </header>
  )
}

/** The status at a glance; pressed, all there is to know about it. */
function Connection(): ReactElement {
  const panel = useId()
  const connection = useConnection()
  return (
    <>
      <button type="button" className="quiet" popoverTarget={panel}>
        <span className="tidings-hidden">Connection: </span>
        <ConnectionIndicator isBrief />
      </button>
      <span className="tidings-hidden" role="status">
        Connection: {describeConnection(connection, 0).title}
      </span>
      <div id={panel} popover="auto" className="panel" role="dialog" aria-label="The connection">
        <ConnectionIndicator />
        <p className="note">
          Nothing is lost while it is interrupted: what happens meanwhile is kept on the server, and shown in order when
          it is back.
        </p>
      </div>
    </>
  )
}
