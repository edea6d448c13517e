import type { ReactElement } from 'react'
import type { QueuePlace as Place } from '../reduce/task-state.ts'
import { describeDuration, describePlace } from './words.ts'

/** Where a task stands in line, and for how long yet. Renders nothing while that is not known. */
export function QueuePlace({ place }: { readonly place: Place | null }): ReactElement | null {
  if (place === null) return null
  const { estimatedWaitMs } = place
  return (
    <p className="tidings-queue" role="status">
      <span className="tidings-queue-place">{describePlace(place)}</span>
      {estimatedWaitMs === null ? null : (
        <span className="tidings-queue-wait"> · about {describeDuration(estimatedWaitMs)}</span>
      )}
    </p>
  )
}
