import type { ReactElement } from 'react'
import { DeleteDocumentDocument } from '../../gql/graphql.ts'
import { DeleteButton } from '../parts/confirm-button.tsx'
import { useChange } from '../use-change.ts'

/** Deletes a document permanently, after confirmation. */
export function DeleteDocument(props: {
  readonly id: string
  readonly title: string
  readonly onDeleted: () => void
}): ReactElement {
  const { id, title, onDeleted } = props
  const { run, isSending, refusal } = useChange(DeleteDocumentDocument)
  const remove = async (): Promise<boolean> => {
    const isGone = (await run({ id })) !== undefined
    if (isGone) onDeleted()
    return isGone
  }
  return (
    <DeleteButton title={title} act={remove} isSending={isSending} refusal={refusal}>
      The file, its text and what was logged of its conversion are gone for good, for everybody it is shared with too.
      What works on it is canceled. Quizzes and roadmaps that were made of it stay.
    </DeleteButton>
  )
}
