import type { ReactElement } from 'react'

/** The logo: a bird that brings something. */
export function Mark(): ReactElement {
  return (
    <svg aria-hidden="true" className="mark" viewBox="0 0 32 32" width="28" height="28">
      <path d="M3 17c7 1 9-9 17-9 4 0 6 2 6.500 4.500L30 14l-3.500 1.500C26 22 20 26 13 26c-3 0-5-.6-7-1.800 4 .1 6.500-1.200 8-2.700C8.500 22 4.500 20.500 3 17Z" />
    </svg>
  )
}

/** The status of a piece as an icon; the text beside it names it. */
export function StatusIcon({ status }: { readonly status: string }): ReactElement {
  return (
    <svg aria-hidden="true" className="sign" data-status={status} viewBox="0 0 16 16" width="14" height="14">
      <circle className="sign-ring" cx="8" cy="8" r="6.25" />
      {status === 'COMPLETED' ? <path className="sign-mark" d="m5 8.300 2.100 2.100L11 6" /> : null}
      {status === 'FAILED' || status === 'CANCELED' ? (
        <path className="sign-mark" d="m5.800 5.800 4.400 4.400m0-4.400-4.400 4.400" />
      ) : null}
      {status === 'GENERATING' || status === 'RUNNING' ? (
        <path className="sign-arc" d="M8 1.750A6.250 6.250 0 0 1 14.250 8" />
      ) : null}
    </svg>
  )
}
