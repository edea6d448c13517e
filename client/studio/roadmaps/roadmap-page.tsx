import { type ReactElement, useState } from 'react'
import { type ContentPiece, DeleteRoadmapDocument, RetryFailedContentDocument } from '../../gql/graphql.ts'
import { isFinalStatus } from '../../index.ts'
import { useTaskMutation } from '../../react/index.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { DeleteButton } from '../parts/confirm-button.tsx'
import { Link } from '../parts/link.tsx'
import { useRoute } from '../shell/use-route.ts'
import { useTitle } from '../shell/use-title.ts'
import { TaskPanel } from '../tasks/task-panel.tsx'
import { useChange } from '../use-change.ts'
import { Outline } from './outline.tsx'
import { pieces, viewPiece } from './piece-view.ts'
import { Reader } from './reader.tsx'
import { type LiveRoadmap, type Outline as OutlineData, useRoadmap } from './use-roadmap.ts'

/** A roadmap page: its tasks, its outline, and the piece being read. */
export function RoadmapPage({ id }: { readonly id: string }): ReactElement {
  const live = useRoadmap(id)
  const { outline, isLoading, failure, tasks, watch } = live
  const { route } = useRoute()
  useTitle(outline?.title)
  const shownPiece = useShownPiece(live)
  if (outline === null)
    return (
      <p className="page-note" role={failure === null ? 'status' : 'alert'}>
        {failure ?? (isLoading ? 'Loading …' : 'There is no such roadmap.')}{' '}
        {failure === null ? null : (
          <button type="button" className="quiet" onClick={live.refetch}>
            Retry
          </button>
        )}{' '}
        <Link to={{}}>Home</Link>
      </p>
    )
  const shownTask = tasks.findLast(({ isOver }) => !isOver) ?? tasks.at(-1)
  const failedCount = countFailed(outline, live)
  return (
    <div className="roadmap" data-reading={route.conceptId !== null}>
      <div className="roadmap-side">
        <header className="roadmap-head">
          <h1>{outline.title}</h1>
          {outline.document === null ? null : <p className="note">Generated from {outline.document.name}</p>}
          {failedCount > 0 && !tasks.some(({ status }) => !isFinalStatus(status)) ? (
            <RetryAllButton roadmapId={id} count={failedCount} onStarted={watch} />
          ) : null}
          <div className="roadmap-delete">
            <DeleteRoadmap roadmap={outline} />
          </div>
        </header>
        {shownTask === undefined ? null : <TaskPanel task={shownTask} onStarted={watch} />}
        <Outline outline={outline} overlays={live.overlays} shown={shownPiece} />
      </div>
      <PieceReader live={live} outline={outline} shown={shownPiece} isSelected={route.conceptId !== null} />
    </div>
  )
}

function DeleteRoadmap({ roadmap: { id, title } }: { readonly roadmap: OutlineData }): ReactElement {
  const { run, isSending, refusal } = useChange(DeleteRoadmapDocument)
  const { go } = useRoute()
  const remove = async (): Promise<boolean> => {
    const isDeleted = (await run({ roadmapId: id })) !== undefined
    if (isDeleted) go({}, true)
    return isDeleted
  }
  return (
    <DeleteButton title={title} act={remove} isSending={isSending} refusal={refusal}>
      Its tutorials, resources and quizzes and the records of its tasks are deleted. Running tasks are canceled. The
      document stays.
    </DeleteButton>
  )
}

/** The piece being read. */
interface ShownPiece {
  readonly conceptId: string
  readonly piece: ContentPiece
}

/**
 * Returns the piece in the address, otherwise the first one that is ready. That one is kept even
 * when an earlier piece becomes ready: the text must not change while it is being read.
 */
function useShownPiece({ outline, overlays }: LiveRoadmap): ShownPiece | null {
  const { route } = useRoute()
  const [first, setFirst] = useState<ShownPiece | null>(null)
  if (route.conceptId !== null) {
    const piece = pieces.find((entry) => entry.piece === route.piece)?.piece ?? 'TUTORIAL'
    return { conceptId: route.conceptId, piece }
  }
  if (first !== null || outline === null) return first
  const ready = findReady(outline, overlays)
  if (ready !== null) setFirst(ready)
  return ready
}

function findReady(outline: OutlineData, overlays: LiveRoadmap['overlays']): ShownPiece | null {
  for (const concept of conceptsOf(outline))
    for (const { piece, field } of pieces)
      if (viewPiece(concept[field], concept.id, piece, overlays).status === 'COMPLETED')
        return { conceptId: concept.id, piece }
  return null
}

const conceptsOf = ({ stages }: OutlineData) =>
  stages.flatMap(({ modules }) => modules.flatMap(({ concepts }) => concepts))

function PieceReader(props: {
  readonly live: LiveRoadmap
  readonly outline: OutlineData
  readonly shown: ShownPiece | null
  /** Whether the user selected it, rather than the page. */
  readonly isSelected: boolean
}): ReactElement {
  const { live, outline, shown, isSelected } = props
  const concept = conceptsOf(outline).find(({ id }) => id === shown?.conceptId)
  const piece = shown?.piece ?? 'TUTORIAL'
  if (concept === undefined)
    return (
      <div className="reader reader-empty">
        <p className="note">
          {outline.stages.length === 0
            ? 'The outline appears once the document is analyzed.'
            : 'Select a piece to read it, even while it is being generated.'}
        </p>
      </div>
    )
  return (
    <Reader
      key={`${concept.id}:${piece}:${isSelected}`}
      roadmapId={outline.id}
      concept={concept}
      piece={piece}
      overlays={live.overlays}
      onStarted={live.watch}
    />
  )
}

function countFailed(outline: OutlineData, { overlays }: LiveRoadmap): number {
  let count = 0
  for (const concept of conceptsOf(outline))
    for (const { piece, field } of pieces)
      if (viewPiece(concept[field], concept.id, piece, overlays).status === 'FAILED') count++
  return count
}

/** Retries all failed content of a roadmap, as one batch. */
function RetryAllButton(props: {
  readonly roadmapId: string
  readonly count: number
  readonly onStarted: (taskId: string) => void
}): ReactElement {
  const { roadmapId, count, onStarted } = props
  const { run, isSending, refusal } = useTaskMutation(RetryFailedContentDocument)
  const start = async (): Promise<void> => {
    const { task } = await run({ roadmapId })
    if (task !== null) onStarted(task.id)
  }
  return (
    <p className="retry-all">
      <ActionButton
        name={count === 1 ? 'Retry 1 failed piece' : `Retry ${count} failed pieces`}
        className="primary"
        run={start}
        isSending={isSending}
        refusal={refusal}
      />
    </p>
  )
}
