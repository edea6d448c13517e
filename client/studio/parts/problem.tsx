import type { ReactElement } from 'react'
import { endSentence } from '../../react/index.ts'

/**
 * The message of an error as a sentence, and its advice on a separate line. For use within a
 * paragraph.
 */
export function Problem({
  error: { message, advice },
}: {
  readonly error: { readonly message: string; readonly advice?: string | null }
}): ReactElement {
  return (
    <>
      {endSentence(message)} {advice ? <span className="advice">{endSentence(advice)}</span> : null}
    </>
  )
}
