import { memo, type ReactElement } from 'react'
import type { TaskState } from '../../index.ts'
import { StatusIcon } from '../parts/icons.tsx'
import { Link } from '../parts/link.tsx'
import { type PieceView, pieces, viewPiece } from './piece-view.ts'
import type { Outline as OutlineData } from './use-roadmap.ts'

type Module = OutlineData['stages'][number]['modules'][number]
type Concept = Module['concepts'][number]

const states = { PENDING: 'not started', GENERATING: 'generating', COMPLETED: 'ready', FAILED: 'failed' } as const

/** Stages, modules and concepts, each concept with the state of its three pieces. */
export function Outline(props: {
  readonly outline: OutlineData
  readonly overlays: readonly TaskState[]
  /** The piece being read, which is highlighted. */
  readonly shown: { readonly conceptId: string; readonly piece: string } | null
}): ReactElement {
  const { outline, overlays, shown } = props
  if (outline.stages.length === 0) return <Skeleton />
  return (
    <nav className="outline" aria-label="Outline">
      {outline.stages.map((stage, index) => (
        <section key={stage.id} aria-labelledby={stage.id}>
          <h2 id={stage.id}>
            <span className="outline-number" aria-hidden="true">
              {index + 1}
            </span>
            {stage.title}
          </h2>
          {stage.modules.map((module) => (
            <div key={module.id} className="module">
              {saysMore(module, stage.title) ? <h3>{module.title}</h3> : null}
              <ul>
                {module.concepts.map((concept) => (
                  <ConceptRow
                    key={concept.id}
                    roadmapId={outline.id}
                    concept={concept}
                    openPiece={shown?.conceptId === concept.id ? shown.piece : null}
                    {...viewsOf(concept, overlays)}
                  />
                ))}
              </ul>
            </div>
          ))}
        </section>
      ))}
    </nav>
  )
}

/** Whether a heading is needed: one that repeats the heading above or below it is omitted. */
function saysMore({ title, concepts }: Module, stageTitle: string): boolean {
  return title !== stageTitle && !concepts.some((concept) => concept.title === title)
}

/**
 * Returns the states as plain values, so that a row with unchanged pieces is not rendered again.
 */
function viewsOf(concept: Concept, overlays: readonly TaskState[]): Record<PieceField, PieceView['status']> {
  const [tutorial, resources, quiz] = pieces.map(
    ({ piece, field }) => viewPiece(concept[field], concept.id, piece, overlays).status,
  )
  return { tutorial: tutorial ?? 'PENDING', resources: resources ?? 'PENDING', quiz: quiz ?? 'PENDING' }
}

type PieceField = (typeof pieces)[number]['field']

const ConceptRow = memo(function ConceptRow(
  props: {
    readonly roadmapId: string
    readonly concept: Concept
    readonly openPiece: string | null
  } & Readonly<Record<PieceField, PieceView['status']>>,
): ReactElement {
  const { roadmapId, concept, openPiece } = props
  return (
    <li className="concept" data-open={openPiece !== null}>
      <span className="concept-title">{concept.title}</span>
      <span className="concept-pieces">
        {pieces.map(({ piece, field, name }) => {
          const status = props[field]
          return (
            <Link
              key={piece}
              to={{ roadmapId, conceptId: concept.id, piece }}
              className={`piece piece-${status.toLowerCase()}`}
              isCurrent={openPiece === piece}
              label={`${name} of ${concept.title}, ${states[status]}`}
            >
              <StatusIcon status={status} />
              {name}
            </Link>
          )
        })}
      </span>
    </li>
  )
})

function Skeleton(): ReactElement {
  return (
    <div className="skeleton" aria-hidden="true">
      {[72, 88, 64, 80, 56, 76].map((width) => (
        <span key={width} style={{ width: `${width}%` }} />
      ))}
    </div>
  )
}
