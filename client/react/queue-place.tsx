import type { ReactElement } from 'react'
import type { QueuePlace as Place } from '../reduce/task-state.ts'
import { describeDuration, describePlace } from './words.ts'

/**
 * Where a task stands in line, and for how long yet. Renders nothing while that is not known. Screen readers are told of the place, and
 * not of every second.
 *
 * @param props.isQuiet - announces nothing, for places of which there are many
 */
export function QueuePlace(props: { readonly place: Place | null; readonly isQuiet?: boolean }): ReactElement | null {
  const { place, isQuiet = false } = props
  if (place === null) return null
  const { estimatedWaitMs } = place
  return (
    <p className="tidings-queue">
      <span className="tidings-queue-place" role={isQuiet ? undefined : 'status'}>
        {describePlace(place)}
      </span>
      {estimatedWaitMs === null ? null : (
        <span className="tidings-queue-wait"> · about {describeDuration(estimatedWaitMs)}</span>
      )}
    </p>
  )
}
