import type { ReactElement } from 'react'

interface Source {
  readonly id: string
  readonly title: string
}

/** The possible sources as options of a select element: documents and quizzes, each in a group. */
export function SourceOptions(props: {
  readonly documents: readonly Source[]
  readonly quizzes: readonly Source[]
}): ReactElement {
  const { documents, quizzes } = props
  return (
    <>
      <Group label="Documents" sources={documents} />
      <Group label="Quizzes" sources={quizzes} />
    </>
  )
}

function Group(props: { readonly label: string; readonly sources: readonly Source[] }): ReactElement | null {
  const { label, sources } = props
  if (sources.length === 0) return null
  return (
    <optgroup label={label}>
      {sources.map(({ id, title }) => (
        <option key={id} value={id}>
          {title}
        </option>
      ))}
    </optgroup>
  )
}
