import type { ReactElement } from 'react'
import type { NotificationLevel } from '../../gql/graphql.ts'

const words: Readonly<Record<NotificationLevel, string>> = {
  INFORMATION: 'Information',
  SUCCESS: 'Success',
  WARNING: 'Warning',
  ERROR: 'Error',
}
const paths: Readonly<Record<NotificationLevel, string>> = {
  INFORMATION: 'M10 9v5M10 6.200v.1',
  SUCCESS: 'm6.500 10.300 2.400 2.400L13.500 7.700',
  WARNING: 'M10 5.500v5.500M10 13.900v.1',
  ERROR: 'm7.200 7.200 5.600 5.600m0-5.600-5.600 5.600',
}

/** The level as an icon, with its name for screen readers. */
export function LevelSign({ level }: { readonly level: NotificationLevel }): ReactElement {
  return (
    <span className="notice-level" data-level={level}>
      <svg aria-hidden="true" viewBox="0 0 20 20" width="20" height="20">
        <circle cx="10" cy="10" r="9" />
        <path d={paths[level]} />
      </svg>
      <span className="tidings-hidden">{words[level]}: </span>
    </span>
  )
}
