import { type ReactElement, type RefObject, useId } from 'react'
import { useInbox } from '../../apps/notifications/use-inbox.ts'
import { isFinalStatus } from '../../index.ts'
import { ConnectionIndicator, describeConnection, type LiveTasks, useConnection, useTasks } from '../../react/index.ts'
import { PanelNotifications } from './panel-notifications.tsx'
import { PanelPreviews } from './panel-previews.tsx'
import { PanelSection } from './panel-section.tsx'
import { PanelTasks } from './panel-tasks.tsx'
import { useStoredFlag } from './use-stored.ts'

/** The state shared by the button and the panel. */
interface StatusPanelState {
  readonly id: string
  readonly isOpen: boolean
  readonly setOpen: (isOpen: boolean) => void
  readonly list: LiveTasks
  /** The number of unfinished tasks. */
  readonly active: number
}

/** Returns the state of the panel, which survives navigation. */
export function useStatusPanel(): StatusPanelState {
  const id = useId()
  const [isOpen, setOpen] = useStoredFlag('panel', false)
  const { transport } = useConnection()
  // A WebSocket carries any number of subscriptions. On event streams a browser has six
  // connections, and the inbox and the subject of the page are watched as well.
  const list = useTasks({ first: 20, watch: transport === 'websocket' ? 20 : 3 })
  const active = list.tasks.filter(({ status }) => !isFinalStatus(status)).length
  return { id, isOpen, setOpen, list, active }
}

/** A summary of the status; pressing it opens the panel with all details. */
export function StatusButton(props: {
  readonly panel: StatusPanelState
  readonly button: RefObject<HTMLButtonElement | null>
}): ReactElement {
  const { panel, button } = props
  const { id, isOpen, setOpen, active } = panel
  const { title } = describeConnection(useConnection(), 0)
  return (
    <>
      <button
        type="button"
        ref={button}
        className="quiet status-button"
        aria-expanded={isOpen}
        aria-controls={id}
        aria-label={`Status: ${title}, ${describeActive(active)}`}
        onClick={() => setOpen(!isOpen)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setOpen(false)
        }}
      >
        <ConnectionIndicator isBrief />
        {active > 0 ? <span className="count">{active}</span> : null}
      </button>
      <span className="tidings-hidden" role="status">
        Connection: {title}
      </span>
    </>
  )
}

/**
 * The panel on every page: connection, tasks, previews and notifications. It remains open until it
 * is closed.
 */
export function StatusPanel(props: {
  readonly panel: StatusPanelState
  readonly button: RefObject<HTMLButtonElement | null>
}): ReactElement {
  const { panel, button } = props
  const { id, isOpen, setOpen, list, active } = panel
  const { title } = describeConnection(useConnection(), 0)
  const live = useInbox()
  const unread = live.inbox?.unreadCount ?? 0
  const close = (): void => {
    setOpen(false)
    button.current?.focus()
  }
  return (
    <aside
      id={id}
      className="status-panel"
      aria-label="Status"
      hidden={!isOpen}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close()
      }}
    >
      <div className="status-panel-head">
        <h2>Status</h2>
        <button type="button" className="quiet" aria-label="Close the status panel" onClick={close}>
          Close
        </button>
      </div>
      {/* The content of a closed panel is not visible, so it is not rendered or kept up to date. */}
      {isOpen ? (
        <>
          <PanelSection name="connection" title="Connection" brief={title}>
            <ConnectionIndicator />
            <p className="note">
              The server keeps all events during an interruption; they are shown in order after reconnecting.
            </p>
          </PanelSection>
          <PanelSection name="tasks" title="Tasks" brief={describeActive(active)}>
            <PanelTasks list={list} />
          </PanelSection>
          <PanelSection name="previews" title="Previews" brief={null}>
            <PanelPreviews />
          </PanelSection>
          <PanelSection name="notifications" title="Notifications" brief={describeUnread(unread)}>
            <PanelNotifications live={live} />
          </PanelSection>
          <p className="note">
            <a href="/graphql">Open GraphiQL</a>
          </p>
        </>
      ) : null}
    </aside>
  )
}

function describeUnread(count: number): string {
  return count === 0 ? 'none unread' : `${count} unread`
}

function describeActive(count: number): string {
  return count === 0 ? 'no active tasks' : `${count} active ${count === 1 ? 'task' : 'tasks'}`
}
