import { type ReactElement, useRef } from 'react'
import { Bell } from '../notifications/bell.tsx'
import { StatusButton, StatusPanel, useStatusPanel } from '../panel/status-panel.tsx'
import { Mark } from '../parts/icons.tsx'
import { Link } from '../parts/link.tsx'
import { Nav } from './nav.tsx'

/** The navigation and the overall status, on every page. */
export function Header(): ReactElement {
  const panel = useStatusPanel()
  const button = useRef<HTMLButtonElement>(null)
  return (
    <>
      <header className="top">
        <Link to={{}} className="brand" label="Tidings, home">
          <Mark />
          <span>Tidings</span>
        </Link>
        <Nav />
        <div className="top-end">
          <Bell />
          <StatusButton panel={panel} button={button} />
        </div>
      </header>
      {/* Beside the header, not inside it: an element with a backdrop filter becomes the containing block of a fixed panel. */}
      <StatusPanel panel={panel} button={button} />
    </>
  )
}
