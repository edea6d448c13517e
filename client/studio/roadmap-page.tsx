import { type ReactElement, useMemo } from 'react'
import type { ContentPiece } from '../gql/graphql.ts'
import { isFinalStatus } from '../reduce/task.ts'
import { Link } from './link.tsx'
import { Outline } from './outline.tsx'
import { pieces, viewPiece } from './piece-view.ts'
import { Reader } from './reader.tsx'
import { RetryAllButton } from './retry-all.tsx'
import { TaskPanel } from './task-panel.tsx'
import { type LiveRoadmap, type Outline as OutlineData, useRoadmap } from './use-roadmap.ts'
import { useRoute } from './use-route.ts'
import { useTitle } from './use-title.ts'

/** One roadmap: what works on it, its outline, and the piece that is read. */
export function RoadmapPage({ id }: { readonly id: string }): ReactElement {
  const live = useRoadmap(id)
  const { outline, isLoading, failure, tasks, watch } = live
  const { route } = useRoute()
  useTitle(outline?.title)
  if (outline === null)
    return (
      <p className="page-note" role={failure === null ? 'status' : 'alert'}>
        {failure ?? (isLoading ? 'Loading …' : 'There is no such roadmap.')}{' '}
        {failure === null ? null : (
          <button type="button" className="quiet" onClick={live.refetch}>
            Try again
          </button>
        )}{' '}
        <Link to={{}}>To the start</Link>
      </p>
    )
  const shown = tasks.findLast(({ isOver }) => !isOver) ?? tasks.at(-1)
  const failedCount = countFailed(outline, live)
  return (
    <div className="roadmap" data-reading={route.conceptId !== null}>
      <div className="roadmap-side">
        <header className="roadmap-head">
          <h1>{outline.title}</h1>
          {outline.document === null ? null : <p className="note">Made from {outline.document.name}</p>}
          {failedCount > 0 && !tasks.some(({ status }) => !isFinalStatus(status)) ? (
            <RetryAllButton roadmapId={id} count={failedCount} onStarted={watch} />
          ) : null}
        </header>
        {shown === undefined ? null : <TaskPanel task={shown} onStarted={watch} />}
        <Outline outline={outline} overlays={live.overlays} />
      </div>
      <SelectedPiece live={live} outline={outline} />
    </div>
  )
}

function SelectedPiece({ live, outline }: { readonly live: LiveRoadmap; readonly outline: OutlineData }): ReactElement {
  const { route } = useRoute()
  const concepts = useMemo(
    () => outline.stages.flatMap(({ modules }) => modules.flatMap((module) => module.concepts)),
    [outline],
  )
  const concept = concepts.find(({ id }) => id === route.conceptId)
  const piece: ContentPiece = pieces.find((one) => one.piece === route.piece)?.piece ?? 'TUTORIAL'
  if (concept === undefined)
    return (
      <div className="reader reader-empty">
        <p className="note">
          {outline.stages.length === 0
            ? 'The outline appears as soon as the document’s structure is known.'
            : 'Choose a piece to read it. Those in the making can be read along.'}
        </p>
      </div>
    )
  return (
    <Reader
      key={`${concept.id}:${piece}`}
      roadmapId={outline.id}
      concept={concept}
      piece={piece}
      overlays={live.overlays}
      onStarted={live.watch}
    />
  )
}

function countFailed({ stages }: OutlineData, { overlays }: LiveRoadmap): number {
  let count = 0
  for (const { modules } of stages)
    for (const { concepts } of modules)
      for (const concept of concepts)
        for (const { piece, field } of pieces)
          if (viewPiece(concept[field], concept.id, piece, overlays).status === 'FAILED') count++
  return count
}
