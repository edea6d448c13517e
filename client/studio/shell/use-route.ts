import { useCallback, useLayoutEffect, useRef, useSyncExternalStore } from 'react'

/**
 * The current route. All of it is in the address, so that a reload or a link shows the same page.
 */
export interface Route {
  readonly roadmapId: string | null
  readonly conceptId: string | null
  readonly piece: string | null
  readonly quizId: string | null
  /** Whether the quiz is being taken, rather than reviewed. */
  readonly isTaking: boolean
  readonly documentId: string | null
  readonly sessionId: string | null
  readonly projectId: string | null
  readonly taskId: string | null
  /** The filters of the page of tasks. */
  readonly status: string | null
  readonly kind: string | null
  /** A page that is not about one item, such as `analytics`; null on the others. */
  readonly page: string | null
}

const changeEvent = 'tidings:route'

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener)
  window.addEventListener(changeEvent, listener)
  return () => {
    window.removeEventListener('popstate', listener)
    window.removeEventListener(changeEvent, listener)
  }
}

/** Returns the address of a route. */
export function hrefOf(route: Partial<Route>): string {
  const {
    page,
    roadmapId,
    conceptId,
    piece,
    quizId,
    isTaking,
    documentId,
    sessionId,
    projectId,
    taskId,
    status,
    kind,
  } = route
  const query = new URLSearchParams()
  if (page) query.set('page', page)
  if (roadmapId) query.set('roadmap', roadmapId)
  if (conceptId) query.set('concept', conceptId)
  if (piece) query.set('piece', piece)
  if (quizId) query.set(isTaking ? 'take' : 'quiz', quizId)
  if (documentId) query.set('document', documentId)
  if (sessionId) query.set('session', sessionId)
  if (projectId) query.set('project', projectId)
  if (taskId) query.set('task', taskId)
  if (status) query.set('status', status)
  if (kind) query.set('kind', kind)
  return query.size === 0 ? '/' : `/?${query}`
}

/**
 * Returns the part of a route that identifies the page: everything except the piece of a roadmap
 * being read and the filters of a list.
 */
export function placeOf(route: Partial<Route>): string {
  return hrefOf({ ...route, conceptId: null, piece: null, status: null, kind: null })
}

/**
 * Returns the route and a function to navigate.
 *
 * @returns `go` adds to the history unless `replace` is set. It does nothing when the user has
 * navigated to another page than the one it was rendered on: a response may arrive late and must
 * not move the user
 */
export function useRoute(): { readonly route: Route; readonly go: (to: Partial<Route>, replace?: boolean) => void } {
  const search = useSyncExternalStore(subscribe, () => window.location.search)
  const route = readRoute(search)
  const place = useRef('')
  useLayoutEffect(() => {
    place.current = placeOf(route)
  })
  const go = useCallback((to: Partial<Route>, replace = false) => {
    const from = placeOf(readRoute())
    if (from !== place.current) return
    const isOtherPage = placeOf(to) !== from
    if (replace) window.history.replaceState(null, '', hrefOf(to))
    else window.history.pushState(null, '', hrefOf(to))
    // After the history has stored the scroll position of the previous page.
    if (isOtherPage) window.scrollTo(0, 0)
    window.dispatchEvent(new Event(changeEvent))
  }, [])
  return { route, go }
}

function readRoute(search = window.location.search): Route {
  const query = new URLSearchParams(search)
  return {
    roadmapId: query.get('roadmap'),
    conceptId: query.get('concept'),
    piece: query.get('piece'),
    quizId: query.get('take') ?? query.get('quiz'),
    isTaking: query.has('take'),
    documentId: query.get('document'),
    sessionId: query.get('session'),
    projectId: query.get('project'),
    taskId: query.get('task'),
    status: query.get('status'),
    kind: query.get('kind'),
    page: query.get('page'),
  }
}
