import { lazy, type ReactElement, Suspense, useEffect, useRef } from 'react'
import { ConnectionsPage } from '../connections/connections-page.tsx'
import { DocumentPage } from '../documents/document-page.tsx'
import { DocumentsPage } from '../documents/documents-page.tsx'
import { InboxPage } from '../notifications/inbox-page.tsx'
import { Toaster } from '../notifications/toaster.tsx'
import { ProjectPage } from '../projects/project-page.tsx'
import { ProjectsPage } from '../projects/projects-page.tsx'
import { QuizPage } from '../quizzes/quiz-page.tsx'
import { TakePage } from '../quizzes/take-page.tsx'
import { RoadmapPage } from '../roadmaps/roadmap-page.tsx'
import { SessionPage } from '../sessions/session-page.tsx'
import { SessionsPage } from '../sessions/sessions-page.tsx'
import { TaskPage } from '../tasks/task-page.tsx'
import { TasksPage } from '../tasks/tasks-page.tsx'
import { Arrival } from './arrival.tsx'
import { ErrorBoundary } from './error-boundary.tsx'
import { Header } from './header.tsx'
import { Home } from './home.tsx'
import { keepFocus } from './keep-focus.ts'
import { Outbox } from './outbox.tsx'
import { placeOf, type Route, useRoute } from './use-route.ts'

/** Loaded on demand: no other page needs its chart library. */
const AnalyticsPage = lazy(async () => ({
  default: (await import('../analytics/analytics-page.tsx')).AnalyticsPage,
}))

/** The root component. The address determines what it shows. */
export function App(): ReactElement {
  const { route } = useRoute()
  const main = useRef<HTMLElement>(null)
  const place = placeOf(route)
  useEffect(keepFocus, [])
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <Arrival place={place} main={main} />
      <Outbox />
      <Toaster />
      <main id="main" ref={main} tabIndex={-1}>
        <ErrorBoundary key={place}>
          <Page route={route} />
        </ErrorBoundary>
      </main>
    </>
  )
}

function Page({ route }: { readonly route: Route }): ReactElement {
  const { roadmapId, documentId, quizId, isTaking, projectId, sessionId, taskId, page } = route
  if (roadmapId !== null) return <RoadmapPage key={roadmapId} id={roadmapId} />
  if (quizId !== null) return isTaking ? <TakePage key={quizId} id={quizId} /> : <QuizPage key={quizId} id={quizId} />
  if (documentId !== null) return <DocumentPage key={documentId} id={documentId} />
  if (page === 'documents') return <DocumentsPage />
  if (projectId !== null) return <ProjectPage key={projectId} id={projectId} />
  if (page === 'projects') return <ProjectsPage />
  if (sessionId !== null) return <SessionPage key={sessionId} id={sessionId} />
  if (page === 'sessions') return <SessionsPage />
  if (taskId !== null) return <TaskPage key={taskId} id={taskId} />
  if (page === 'tasks') return <TasksPage />
  if (page === 'analytics')
    return (
      <Suspense fallback={<p className="page-note note">Loading …</p>}>
        <AnalyticsPage />
      </Suspense>
    )
  if (page === 'connections') return <ConnectionsPage />
  if (page === 'inbox') return <InboxPage />
  return <Home />
}
