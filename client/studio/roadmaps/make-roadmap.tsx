import type { ReactElement } from 'react'
import { CreateRoadmapDocument } from '../../gql/graphql.ts'
import { useTaskMutation } from '../../react/index.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { useRoute } from '../shell/use-route.ts'

/** Starts creating a roadmap and navigates to it. */
export function useMakeRoadmap(): {
  readonly make: (documentId: string) => Promise<void>
  readonly isSending: boolean
  readonly refusal: string | null
} {
  const { run, isSending, refusal } = useTaskMutation(CreateRoadmapDocument)
  const { go } = useRoute()
  const make = async (documentId: string): Promise<void> => {
    const { data } = await run({ documentId })
    if (data?.createRoadmap.__typename === 'CreateRoadmapSuccess') go({ roadmapId: data.createRoadmap.roadmap.id })
  }
  return { make, isSending, refusal }
}

/** Creates a roadmap from a document. */
export function MakeRoadmapButton(props: { readonly documentId: string; readonly title: string }): ReactElement {
  const { documentId, title } = props
  const { make, isSending, refusal } = useMakeRoadmap()
  return (
    <ActionButton
      name="Create roadmap"
      label={`Create roadmap of ${title}`}
      run={() => make(documentId)}
      isSending={isSending}
      refusal={refusal}
    />
  )
}
