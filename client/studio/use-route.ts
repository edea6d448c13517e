import { useCallback, useSyncExternalStore } from 'react'

/** What is looked at. It is all in the address, so that a reload or a link shows the same. */
export interface Route {
  readonly roadmapId: string | null
  readonly conceptId: string | null
  readonly piece: string | null
  readonly quizId: string | null
  /** Whether the quiz is taken, rather than reviewed. */
  readonly isTaking: boolean
}

const changed = 'tidings:route'

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener)
  window.addEventListener(changed, listener)
  return () => {
    window.removeEventListener('popstate', listener)
    window.removeEventListener(changed, listener)
  }
}

/** The address of a route. */
export function hrefOf({ roadmapId, conceptId, piece, quizId, isTaking }: Partial<Route>): string {
  const query = new URLSearchParams()
  if (roadmapId) query.set('roadmap', roadmapId)
  if (conceptId) query.set('concept', conceptId)
  if (piece) query.set('piece', piece)
  if (quizId) query.set(isTaking ? 'take' : 'quiz', quizId)
  return query.size === 0 ? '/' : `/?${query}`
}

/** The route, and how to go elsewhere. @returns `go` adds to the history, unless told to replace */
export function useRoute(): { readonly route: Route; readonly go: (to: Partial<Route>, replace?: boolean) => void } {
  const search = useSyncExternalStore(subscribe, () => window.location.search)
  const query = new URLSearchParams(search)
  const go = useCallback((to: Partial<Route>, replace = false) => {
    if (replace) window.history.replaceState(null, '', hrefOf(to))
    else window.history.pushState(null, '', hrefOf(to))
    window.dispatchEvent(new Event(changed))
  }, [])
  return {
    route: {
      roadmapId: query.get('roadmap'),
      conceptId: query.get('concept'),
      piece: query.get('piece'),
      quizId: query.get('take') ?? query.get('quiz'),
      isTaking: query.has('take'),
    },
    go,
  }
}
