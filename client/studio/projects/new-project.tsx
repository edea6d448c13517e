import { type FormEvent, type ReactElement, useState } from 'react'
import { useQuery } from 'urql'
import { GenerateProjectDocument, type ProjectTemplate, SourcesDocument } from '../../gql/graphql.ts'
import { useTaskMutation } from '../../react/index.ts'
import { Refusal } from '../parts/refusal.tsx'
import { SourceOptions } from '../parts/source-options.tsx'
import { useRoute } from '../shell/use-route.ts'

const choices: readonly {
  readonly template: ProjectTemplate | null
  readonly title: string
  readonly about: string
}[] = [
  { template: null, title: 'Custom', about: 'Follows your prompt.' },
  { template: 'FLASH_CARDS', title: 'Flash cards', about: 'Flip them and set them aside.' },
  { template: 'QUIZ_PAGE', title: 'Quiz page', about: 'Questions with their answers.' },
  { template: 'READING_PAGE', title: 'Reading page', about: 'The text with a table of contents.' },
]

/** The form for a new project: description, template and source. */
export function NewProject(): ReactElement {
  const [{ data }] = useQuery({ query: SourcesDocument, requestPolicy: 'cache-and-network' })
  const { run, isSending, refusal } = useTaskMutation(GenerateProjectDocument)
  const { go } = useRoute()
  const [prompt, setPrompt] = useState('')
  const [template, setTemplate] = useState<ProjectTemplate | null>('FLASH_CARDS')
  const [source, setSource] = useState('')
  const documents = data?.documents.nodes.filter(({ status }) => status === 'READY') ?? []
  const quizzes = data?.quizzes.nodes.filter(({ status }) => status === 'DRAFT' || status === 'PUBLISHED') ?? []
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    const { data: result } = await run({
      prompt,
      template,
      documentId: source.startsWith('document_') ? source : null,
      quizId: source.startsWith('quiz_') ? source : null,
    })
    if (result?.generateProject.__typename === 'GenerateProjectSuccess')
      go({ projectId: result.generateProject.project.id })
  }
  return (
    <form
      className="new-project"
      aria-label="New project"
      onSubmit={(event) => {
        void submit(event)
      }}
    >
      <label className="new-project-source">
        <span>Source</span>
        <select value={source} onChange={(event) => setSource(event.target.value)}>
          <option value="">Choose a document or a quiz</option>
          <SourceOptions documents={documents} quizzes={quizzes} />
        </select>
      </label>
      <fieldset className="templates">
        <legend>As</legend>
        {choices.map((choice) => (
          <label key={choice.title} className="template">
            <input
              type="radio"
              name="template"
              checked={template === choice.template}
              onChange={() => setTemplate(choice.template)}
            />
            <span>
              <strong>{choice.title}</strong>
              <small>{choice.about}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <label>
        <span>What you want{template === null ? '' : ', if there is more to say'}</span>
        <textarea
          rows={2}
          maxLength={4_000}
          placeholder="Flash cards for the terms of this text"
          value={prompt}
          onChange={(event) => setPrompt(event.target.value)}
        />
      </label>
      <p className="new-project-end">
        <button type="submit" className="primary" disabled={isSending}>
          Make the project
        </button>
        <Refusal text={refusal} isInline />
      </p>
    </form>
  )
}
