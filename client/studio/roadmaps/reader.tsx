import { lazy, type ReactElement, Suspense, useEffect, useRef } from 'react'
import { useQuery } from 'urql'
import { RetryButton } from '../../apps/roadmaps/retry-button.tsx'
import { ConceptContentDocument, type ContentPiece } from '../../gql/graphql.ts'
import type { TaskState } from '../../index.ts'
import { StatusIcon } from '../parts/icons.tsx'
import { Link } from '../parts/link.tsx'
import { Problem } from '../parts/problem.tsx'
import { pieces, viewPiece } from './piece-view.ts'
import type { Outline } from './use-roadmap.ts'

const Markdown = lazy(() => import('../parts/markdown.tsx').then(({ Markdown: component }) => ({ default: component })))

type Concept = Outline['stages'][number]['modules'][number]['concepts'][number]

/**
 * One piece: its text, complete or while it is being generated, or why there is none; with a button
 * to retry it.
 */
export function Reader(props: {
  readonly roadmapId: string
  readonly concept: Concept
  readonly piece: ContentPiece
  readonly overlays: readonly TaskState[]
  readonly onStarted: (taskId: string) => void
}): ReactElement {
  const { roadmapId, concept, piece, overlays, onStarted } = props
  const base = concept[pieces.find((entry) => entry.piece === piece)?.field ?? 'tutorial']
  const { status, error, text } = viewPiece(base, concept.id, piece, overlays)
  const body = useBody(concept.id, piece, status === 'COMPLETED' && text === null)
  const name = pieces.find((entry) => entry.piece === piece)?.name ?? piece
  const shownText = useLastText(status === 'FAILED' ? null : (text ?? (status === 'COMPLETED' ? body : null)), status)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    // On narrow screens the piece replaces the outline, so the focus would be lost otherwise.
    if (window.matchMedia('(max-width: 56rem)').matches) heading.current?.focus()
  }, [])
  return (
    <article className="reader" data-status={status} aria-busy={status === 'GENERATING'}>
      <header className="reader-head">
        <Link to={{ roadmapId }} className="reader-back">
          ← Outline
        </Link>
        <h2 ref={heading} tabIndex={-1}>
          {concept.title}
        </h2>
        <nav className="reader-tabs" aria-label="Pieces of this concept">
          {pieces.map((entry) => (
            <Link
              key={entry.piece}
              to={{ roadmapId, conceptId: concept.id, piece: entry.piece }}
              isCurrent={entry.piece === piece}
              className="reader-tab"
            >
              <StatusIcon status={viewPiece(concept[entry.field], concept.id, entry.piece, overlays).status} />
              {entry.name}
            </Link>
          ))}
        </nav>
        <div className="reader-state">
          <span role="status">{words[status]}</span>
          {status === 'COMPLETED' || status === 'FAILED' ? (
            <RetryButton
              conceptId={concept.id}
              piece={piece}
              label={`${status === 'FAILED' ? 'Retry' : 'Regenerate'}: ${name} of ${concept.title}`}
              onStarted={onStarted}
            >
              {status === 'FAILED' ? 'Retry' : 'Regenerate'}
            </RetryButton>
          ) : null}
        </div>
      </header>
      {status === 'FAILED' && error !== null ? (
        <div className="reader-failure">
          <p>
            <Problem error={error} />
          </p>
        </div>
      ) : null}
      <Suspense fallback={<p className="note">Loading …</p>}>
        {shownText === null ? null : <Markdown text={shownText} isGrowing={status === 'GENERATING'} />}
      </Suspense>
    </article>
  )
}

const words = {
  PENDING: 'Not started',
  GENERATING: 'Generating',
  COMPLETED: 'Ready',
  FAILED: 'Failed',
} as const

/** Returns the stored text of a piece, and fetches it when it is needed and not in the cache. */
function useBody(conceptId: string, piece: ContentPiece, isWanted: boolean): string | null {
  const [{ data, fetching }, execute] = useQuery({
    query: ConceptContentDocument,
    variables: { id: conceptId },
    pause: !isWanted,
  })
  const concept = data?.node?.__typename === 'Concept' ? data.node : null
  const body = concept?.[pieces.find((entry) => entry.piece === piece)?.field ?? 'tutorial'].body ?? null
  const isStale = isWanted && !fetching && concept !== null && body === null
  // Fetched once: a piece without a text must not be fetched repeatedly.
  const isRequested = useRef(false)
  useEffect(() => {
    if (!isStale || isRequested.current) return
    isRequested.current = true
    execute({ requestPolicy: 'network-only' })
  }, [isStale, execute])
  return body
}

/**
 * Returns the last text until there is a new one: the text must not flicker between its stream and
 * its fetch.
 */
function useLastText(text: string | null, status: string): string | null {
  const last = useRef<string | null>(null)
  useEffect(() => {
    if (text !== null) last.current = text
    else if (status !== 'COMPLETED') last.current = null
  }, [text, status])
  return text ?? (status === 'COMPLETED' ? last.current : null)
}
