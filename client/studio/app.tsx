import type { ReactElement } from 'react'
import { ErrorBoundary } from './error-boundary.tsx'
import { Header } from './header.tsx'
import { Home } from './home.tsx'
import { Outbox } from './outbox.tsx'
import { RoadmapPage } from './roadmap-page.tsx'
import { useRoute } from './use-route.ts'

/** The page: what is looked at is in the address. */
export function App(): ReactElement {
  const { route } = useRoute()
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <Outbox />
      <main id="main" tabIndex={-1}>
        <ErrorBoundary key={route.roadmapId}>
          {route.roadmapId === null ? <Home /> : <RoadmapPage key={route.roadmapId} id={route.roadmapId} />}
        </ErrorBoundary>
      </main>
    </>
  )
}
